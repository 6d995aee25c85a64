"""A soak of the whole stack: see ``__main__``."""
