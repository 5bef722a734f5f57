"""The commands, one a file: a constant of click. Found by type; add a file."""
