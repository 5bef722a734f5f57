"""Dialects as data (TOML): how a binding's messages map to start, item, end, error. No code."""
