"""gRPC streaming patterns (seed 001): items that are listed, watched and uploaded, and a chat, over `stream/`.

Needs the extra `grpc` where a server or a client is. Never here: an import, so that nothing of gRPC comes unasked.
"""
