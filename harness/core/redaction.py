"""What never leaves this process: the values of secret headers and of secret query parameters (HN-11).

Applied before anything is recorded, stored or shown; pure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.ports import Request

REDACTED: Final = "[redacted]"
BODY: Final = b"[the body you sent]"
# Names, of headers and of query parameters, whose values are secrets; a word in the name is enough.
_SECRET: Final = re.compile(
    r"auth(?!ors?$)|cookie|token|secret|passw|credential|session|signature|api[-_]?key|^key$|^sig$", re.IGNORECASE
)
_PARAMETER: Final = re.compile(r"(?P<name>[^?&=#]+)=(?P<value>[^&#]*)")


def is_secret(name: str) -> bool:
    """Whether a header or a query parameter of this name holds a secret."""
    return _SECRET.search(name) is not None


def redacted_url(url: str) -> str:
    """The URL with the values of secret query parameters replaced."""
    place, mark, query = url.partition("?")
    return place + mark + _PARAMETER.sub(_parameter, query)


def _parameter(match: re.Match[str]) -> str:
    return f"{match['name']}={REDACTED if is_secret(match['name']) else match['value']}"


def redacted(request: Request) -> Request:
    """The request as it may be written down; of a body only that there was one."""
    body = BODY if request.body else b""
    return replace(request, url=redacted_url(request.url), headers=_headers(request.headers), body=body)


def redacted_answer(opened: Opened) -> Opened:
    """The head of an answer as it may be written down."""
    return replace(opened, headers=_headers(opened.headers))


def _headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, REDACTED if is_secret(name) else value) for name, value in headers)
