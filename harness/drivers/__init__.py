"""One carrier a file, one `Driver` constant each: sans-IO decoders. Nothing here opens a socket or judges."""
