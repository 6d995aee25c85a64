"""The applications under test: each starts the same tasks, and lets them be watched."""
