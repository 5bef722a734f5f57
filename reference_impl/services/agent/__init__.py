"""Agent streaming (seed 004): requests in a bounded queue, worker threads, and answers that stream as chunks.

Never here: buffering, cancelling or ending of a stream (`stream/`), or a model that is worth listening to.
"""
