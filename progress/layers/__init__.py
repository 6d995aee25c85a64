"""Groups on the channel layer: sending messages to them, and receiving messages from them."""

from .settings import redis_layer

__all__ = ["redis_layer"]
