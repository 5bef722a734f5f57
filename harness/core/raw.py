"""Octets that break a carrier's grammar, or use its odd corners, by name: what a hostile client sends. Pure.

Each family is a module of its own (`raw_*`), found by its table. Never here: whether a target bears them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.raw_framed import FRAMED
from streamspec.harness.core.raw_http2 import HTTP2
from streamspec.harness.core.raw_websocket import WEBSOCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RAW: Final[Mapping[str, Callable[[str], bytes]]] = MappingProxyType({**WEBSOCKET, **FRAMED, **HTTP2})


def raw_octets(what: str, stream: str) -> bytes:
    """The octets of that name, for the stream of that id. Raises `KeyError`."""
    return RAW[what](stream)
