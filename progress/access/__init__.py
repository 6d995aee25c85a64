"""Who may watch or cancel a task."""

from ..exceptions import UndecidedError
from .rules import Asker, by_token, may

__all__ = ["Asker", "UndecidedError", "by_token", "may"]
