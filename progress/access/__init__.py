"""Who may watch or cancel a task."""

from .rules import Asker, UndecidedError, by_token, may

__all__ = ["Asker", "UndecidedError", "by_token", "may"]
