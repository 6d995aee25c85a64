"""One hub a web process: the newest event of each watched task, offered to all its watchers."""

from .hub import Hub

__all__ = ["Hub"]
