"""A long run of the whole stack that looks for leaks: see ``__main__``."""
