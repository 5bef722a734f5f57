"""The five systems of the source documents, each a thin face over `stream/` under its own names.

Never here: buffering, cancelling or ending (those are the stream's), or anything of the scripted contract.
"""
