"""This project's side, with the channel layer on servers of its own."""

from benchmarks.scaling import spread
from benchmarks.sites import application

__all__ = ["application"]

spread()
