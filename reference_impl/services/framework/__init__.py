"""The streams framework (seed 002, Raffel): streams that are declared, found by name, and served over every protocol.

Here: the names that its users need. Never here: buffering, cancelling or ending of a stream (`stream/`).
"""

from streamspec.reference_impl.services.framework.context import Context, Signal
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.files import procedures_in, register_files
from streamspec.reference_impl.services.framework.procedure import Interceptor, Next, Procedure
from streamspec.reference_impl.services.framework.raffel_stream import (
    RaffelStream,
    StreamChunk,
    by_priority,
    create_stream,
)
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.served import stream_server
from streamspec.reference_impl.services.framework.served_options import Options
from streamspec.reference_impl.services.framework.usd import usd_document

__all__ = (
    "Context",
    "Interceptor",
    "Misdeclared",
    "Next",
    "Options",
    "Procedure",
    "RaffelStream",
    "Router",
    "Signal",
    "StreamChunk",
    "by_priority",
    "create_stream",
    "procedures_in",
    "register_files",
    "stream_server",
    "usd_document",
)
