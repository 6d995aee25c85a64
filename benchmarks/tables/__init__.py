"""One module for each table: what it runs, and the targets that its figures must meet."""
