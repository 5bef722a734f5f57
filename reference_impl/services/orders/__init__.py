"""An orders service as the guide "Streaming APIs" draws it (seed 003): an NDJSON export, live events, a chunked array.

Never here: buffering, cancelling or ending of a stream (`stream/`), or an HTTP server.
"""
