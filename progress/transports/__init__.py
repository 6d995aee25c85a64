"""The transports to clients: websockets, Server-Sent Events, and plain HTTP."""
