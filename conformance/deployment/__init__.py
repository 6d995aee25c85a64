"""A deployment as the checks meet it: its server, its tasks, their sockets and streams."""
