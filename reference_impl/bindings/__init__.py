"""How frames and requests look on a wire: one concern a file.

Never here: producers, or a stream's rules.
"""
