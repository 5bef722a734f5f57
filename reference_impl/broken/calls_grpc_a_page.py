"""A call that looks like a page.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _as_page(head: Head) -> Fields:
    return tuple((name, "text/html" if name == "content-type" else value) for name, value in head.fields)


VARIANT = Variant(
    name="calls-grpc-a-page",
    sentence="An answer over gRPC is called text/html.",
    where="app",
    on=("grpc",),
    kills="GR-12",
    because=("text/html",),
    seams=Seams(relay=Relay(of_fields(_as_page))),
)
