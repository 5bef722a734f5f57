"""The only sockets of the judging side. Nothing here knows a rule or a binding's grammar."""
