"""Where a URL leads: scheme, host, port, and what is asked for there. Read strictly, once for all transports.

Never here: a lookup of the host, or a connection.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from streamspec.harness.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

HTTP_PORTS: Final[Mapping[str, int]] = MappingProxyType({"http": 80, "https": 443})
WEBSOCKET_PORTS: Final[Mapping[str, int]] = MappingProxyType({"ws": 80, "wss": 443})  # RFC 6455 §3
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: `authority` is the Host field, `path` the request target."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def address_of(url: str, ports: Mapping[str, int] = HTTP_PORTS) -> Address:
    """Reads an absolute URL strictly, in one of the schemes of `ports`, each with its default port (0: the URL has to
    name one). Raises `UsageError`, which never repeats credentials."""
    # urlsplit would silently remove tabs and line ends, so they are looked for before.
    if _UNSENDABLE.search(url):
        raise UsageError(f"the URL has a blank or a control character: {url!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"the URL cannot be read: {error}") from None
    if "@" in parts.netloc:
        raise UsageError("the URL carries credentials; give them as an Authorization header instead")
    if parts.scheme not in ports:
        raise UsageError(f"the URL needs the scheme {' or '.join(ports)}: {url!r}")
    host = _checked_host(host, url)
    if port == 0:
        raise UsageError(f"port 0 cannot be connected to: {url!r}")
    default = ports[parts.scheme]
    if not (port or default):
        raise UsageError(f"the URL needs a port: {url!r}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise UsageError(f"the URL's path must be percent-encoded ASCII: {url!r}")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in {None, default} else f"{shown}:{port}"
    return Address(parts.scheme, host, port or default, authority, path)


def _checked_host(host: str, url: str) -> str:
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
            return host
        plain = host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        plain = ""
    if not _HOST.fullmatch(plain):
        raise UsageError(f"the URL has no usable host: {url!r}")
    return plain


def itself(host: str, port: int) -> tuple[str, int]:
    """Where a target is reached that is led nowhere else (`core.ports.Where`)."""
    return host, port
