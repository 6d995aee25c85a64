"""This project's side, with the channel layer on servers of its own."""

from benchmarks.parts.sites import application
from benchmarks.tables.scaling import spread

__all__ = ["application"]

spread()
