"""How to show it: one renderer a file, a `Run` in, text out. Imports the harness core only; writes nothing."""
