"""The pure middle: data and functions that every other part of the house imports.

Never here: asyncio, sockets, the clock, files, global randomness (held by import-linter).
"""
