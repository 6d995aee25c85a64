"""Groups on the channel layer: sending to them, and receiving what is sent."""

from .settings import redis_layer

__all__ = ["redis_layer"]
