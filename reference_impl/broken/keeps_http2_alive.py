"""A field from another version of HTTP.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _kept_alive(head: Head) -> Fields:
    is_answer = any(name == ":status" for name, _ in head.fields)
    return (*head.fields, ("connection", "keep-alive")) if is_answer else head.fields


VARIANT = Variant(
    name="keeps-http2-alive",
    sentence="An answer over HTTP/2 says `connection: keep-alive`.",
    where="app",
    on=("grpc",),
    kills="CJ-10",
    because=("is about a connection", "connection"),
    seams=Seams(relay=Relay(of_fields(_kept_alive))),
)
