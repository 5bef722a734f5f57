"""Refusals as problem details (RFC 9457): every status that may come before a first octet, each with one sentence.

Never here: who is refused, or what goes wrong after the first octet (that is told inside the stream).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.payload import to_json
from streamspec.reference_impl.routing import Refused

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers

KIND: Final = "application/problem+json"


def problem(status: int, detail: str, headers: Headers = (), **more: object) -> Refused:
    """The type `about:blank` says that the status is all there is to know of the kind of problem (RFC 9457 4.2)."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Refused(status, to_json(said), headers, KIND)


def later(status: int, detail: str, retry_after_s: int) -> Refused:
    """One that may be gone after so long."""
    return problem(status, detail, (("retry-after", str(retry_after_s)),), retryAfter=retry_after_s)
