"""The demo: jobs that people know, each with a live bar."""
