"""Failures as Raffel words them (seed 002): a code, the status that belongs to it, and a message.

Pure. Never here: events or envelopes, which carry them alike.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.conformance import STATUSES
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUSES: Final[Mapping[Code, int]] = MappingProxyType({**STATUSES, Code.CANCELLED: 499})
_OTHERWISE: Final = 500


def shown(code: Code, message: str) -> str:
    """The JSON of a failure of the router or of a handler."""
    return payload.to_json(
        {"code": code.value, "status": _STATUSES.get(code, _OTHERWISE), "message": payload.writable(message)}
    )
