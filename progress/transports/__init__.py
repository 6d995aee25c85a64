"""The ways to a task: websockets, Server-Sent Events, and plain HTTP."""
