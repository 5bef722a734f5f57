"""What streams in a source tree or on a gRPC server, for `streamspec discover`. Only `tree` and `reflection` do I/O."""
