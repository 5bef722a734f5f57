"""Server-side streaming as a search engine's nodes have it: actions, channels, tasks, thread pools (seed 000).

What its users write is all here by name. Never here: code.
"""

from streamspec.reference_impl.services.transport.channel import TransportChannel
from streamspec.reference_impl.services.transport.exceptions import (
    StreamErrorCode,
    StreamException,
    UnsupportedOperationException,
)
from streamspec.reference_impl.services.transport.node import application
from streamspec.reference_impl.services.transport.pools import Pool, ThreadPool
from streamspec.reference_impl.services.transport.response import StreamTransportResponse
from streamspec.reference_impl.services.transport.service import Settings, StreamTransportService
from streamspec.reference_impl.services.transport.tasks import Task

__all__ = (
    "Pool",
    "Settings",
    "StreamErrorCode",
    "StreamException",
    "StreamTransportResponse",
    "StreamTransportService",
    "Task",
    "ThreadPool",
    "TransportChannel",
    "UnsupportedOperationException",
    "application",
)
