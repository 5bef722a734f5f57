"""The contract as one pure state table, and thin shells around it.

Never here: HTTP, bytes, or anything a binding knows.
"""
