"""The hub of a web process: pushes the newest event of each watched task to its watchers."""

from .hub import Hub

__all__ = ["Hub"]
