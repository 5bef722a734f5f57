"""The door for pytest. Light when it is loaded: nothing heavy is imported before a test needs it."""
