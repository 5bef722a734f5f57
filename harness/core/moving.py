"""A target of the same kind at another port: every request of a target that is started again elsewhere. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.case import Capabilities
    from streamspec.harness.core.ports import Request


def moved(target: Capabilities, port: int) -> Capabilities | None:
    """The target at another port of its host; None when a part of it is somewhere else, or says where it is (`Host`,
    `Origin`), and would not come along."""
    parts = urlsplit(target.look.url)
    if any(urlsplit(url).netloc != parts.netloc for url in _urls(target)) or _says_where(target.look):
        return None

    def there(request: Request) -> Request:
        return replace(request, url=at_port(request.url, port))

    roles = {name: replace(role, request=there(role.request)) for name, role in target.roles.items()}
    scripted = target.scripted and replace(target.scripted, base=at_port(target.scripted.base, port))
    if scripted and urlsplit(scripted.request.url).port != port:
        return None  # its adapter names the port of its streams, and would name another one there
    return replace(
        target,
        look=there(target.look),
        roles=MappingProxyType(roles),
        tells=tuple(replace(tell, request=there(tell.request)) for tell in target.tells),
        scripted=scripted,
    )


def at_port(url: str, port: int) -> str:
    """The URL at another port of its host, whatever its scheme is."""
    parts = urlsplit(url)
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{parts.netloc.removesuffix(f':{parts.port}')}:{port}{rest.removeprefix(parts.netloc)}"


def _urls(target: Capabilities) -> Iterator[str]:
    yield from (role.request.url for role in target.roles.values())
    yield from (tell.request.url for tell in target.tells)
    if target.scripted:
        yield target.scripted.base


def _says_where(request: Request) -> bool:
    return any(name.lower() in {"host", "origin"} for name, _ in request.headers)
