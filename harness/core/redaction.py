"""What never leaves this process: the values of secret headers and of secret query parameters (HN-11).

Applied before anything is recorded, stored or shown; pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.ports import Request

E = TypeVar("E")
REDACTED: Final = "[redacted]"
BODY: Final = b"[the body you sent]"
_OURS: Final = b'"run":"{run}"'  # stands in what opens a scripted stream (docs/contract.md)
ECHO_CHARS_MIN: Final = 8  # a shorter value may stand in an answer by chance
# Names, of headers, of query parameters and of a command's options, whose values are secrets; a word in the name is
# enough.
_SECRET: Final = re.compile(
    r"auth(?!ors?$)|cookie|token|secret|passw|^pass$|pwd|credential|session|signature|jwt|bearer|csrf|xsrf"
    r"|api[-_]?key|(?:^|[-_])key$|^sig$",
    re.IGNORECASE,
)
# `name=value` of a query or a fragment, wherever a URL stands in a text
_PARAMETER: Final = re.compile(  # a value may be quoted, or in part
    r"(?P<mark>[?&;#])(?P<name>[^?&;=#\s]+)=(?P<value>(?:\"[^\"&;#\s]*\"|'[^'&;#\s]*'|[^&;#\s\"'<>])*)"
)
_HEADER: Final = re.compile(r"(?P<name>[\w-]+):\s.*", re.DOTALL)
_OPTION: Final = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)


def is_secret(name: str) -> bool:
    """Whether a header, a query parameter or an option of this name holds a secret."""
    return _SECRET.search(name) is not None


def redacted_url(url: str) -> str:
    """The URL, or a text with URLs in it, with the values of secret parameters replaced."""
    return _PARAMETER.sub(_parameter, url)


def _parameter(match: re.Match[str]) -> str:
    value = REDACTED if is_secret(unquote_plus(match["name"])) else match["value"]
    return f"{match['mark']}{match['name']}={value}"


def redacted_command(command: str) -> str:
    """A command line as it may be written down: `--token VALUE`, `--token=VALUE`, `TOKEN=VALUE` and URLs."""
    try:
        words = shlex.split(command)
    except ValueError:
        return REDACTED  # nobody can tell where a value ends
    shown: list[str] = []
    due = False
    for word in words:
        option = _OPTION.fullmatch(word)
        if due and not word.startswith("-"):
            shown.append(REDACTED)
        elif option and is_secret(option["name"].lstrip("-")):
            shown.append(f"{option['name']}={REDACTED}")
        elif (header := _HEADER.fullmatch(word)) and is_secret(header["name"]):
            shown.append(f"{header['name']}: {REDACTED}")
        else:
            shown.append(redacted_url(word))
        due = word.startswith("-") and "=" not in word and is_secret(word.lstrip("-"))
    return shlex.join(shown)


def redacted(request: Request) -> Request:
    """The request as it may be written down; of a body only that there was one, unless it is one of ours."""
    body = BODY if request.body and _OURS not in request.body else request.body
    return replace(request, url=redacted_url(request.url), headers=_headers(request.headers), body=body)


def redacted_answer(opened: Opened) -> Opened:
    """The head of an answer as it may be written down: a redirect repeats the query that it was asked with."""
    return replace(opened, headers=_headers(opened.headers))


def _headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, REDACTED if is_secret(name) else redacted_url(value)) for name, value in headers)


def secrets_of(requests: Iterable[Request]) -> tuple[str, ...]:
    """The secret values themselves, the longest first, so that they are known again where a target repeats them."""
    found: set[str] = set()
    for request in requests:
        values = [value for name, value in request.headers if is_secret(name)]
        values += [m["value"] for m in _PARAMETER.finditer(request.url) if is_secret(unquote_plus(m["name"]))]
        found.update(word for value in values for word in (value, *re.split(r"[\s;=,]+", value)))
    return tuple(sorted((v for v in found if len(v) >= ECHO_CHARS_MIN), key=lambda v: (-len(v), v)))


def without_echo(event: E, secrets: tuple[str, ...]) -> E:
    """The event without the secrets that its target repeated in its words."""
    changed: dict[str, Any] = {}
    for field in fields(event):  # type: ignore[arg-type]  # every event is a dataclass
        value = getattr(event, field.name)
        if (shown := _without(value, secrets)) != value:
            changed[field.name] = shown
    return replace(event, **changed) if changed else event  # type: ignore[type-var]  # likewise


def _without(value: Any, secrets: tuple[str, ...]) -> Any:
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, REDACTED)
        case tuple():
            value = tuple(_without(one, secrets) for one in value)
        case Mapping():
            value = {key: _without(one, secrets) for key, one in value.items()}
    return value
