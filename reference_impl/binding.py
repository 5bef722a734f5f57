"""`Binding`: one way to show a stream over HTTP, its headers and its encoder.

Never here: an encoder (one a file in `bindings/`), HTTP, I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from streamspec.reference_impl.frame import Frame

Encode = Callable[[Frame], bytes]
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """`name` is the path prefix that asks for it. `encoder` is called once a stream, so what it makes may remember."""

    name: str
    headers: Headers
    encoder: Callable[[], Encode]

    def encoded(self, encode: Encode) -> Binding:
        """The same with another encoder, one that remembers nothing."""
        return replace(self, encoder=lambda: encode)


def headers(content_type: str) -> Headers:
    """What every binding says of its body: its type, and that no cache may keep it (RFC 9111 5.2.2.5)."""
    return (("content-type", content_type), ("cache-control", "no-store"))
