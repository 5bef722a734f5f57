"""`Mount`: one reference under its own path prefix, good or broken, with all its roles and bindings and what it tells.

Never here: a stream at work, HTTP, or a defect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import bindings
from streamspec.reference_impl.coding import GZIP_HEADERS
from streamspec.reference_impl.routing import TOLD, Asked, Refused, header, route, split_binding
from streamspec.reference_impl.told import Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.roles import Role
    from streamspec.reference_impl.seams import Seams


@dataclass(frozen=True, slots=True)
class Answer:
    """A stream that was asked for, and how it is to be shown."""

    asked: Asked
    binding: Binding
    gzip: bool

    @property
    def headers(self) -> Headers:
        return (*self.binding.headers, *(GZIP_HEADERS if self.gzip else ()))


@dataclass(frozen=True, slots=True)
class Mount:
    """`open` are its streams that are not over, so that a shutdown can end them."""

    seams: Seams
    roles: tuple[Role, ...]
    bindings: Mapping[str, Binding]
    told: Told = field(default_factory=Told)
    open: set[ItemStream] = field(default_factory=set)

    def answer(self, method: str, path: str, query: str, headers: Headers) -> Answer | Refused:
        """What becomes of a request whose path is given without the mount's prefix."""
        name, rest = split_binding(path, self.bindings)
        resume = partial(self.seams.resume, header(headers, "last-event-id"))
        asked = route(self.roles, method, rest, query, resume)
        if isinstance(asked, Refused):
            return asked
        return Answer(asked, self.bindings[name], self.seams.codes(asked.role, header(headers, "accept-encoding")))

    def is_told(self, path: str) -> bool:
        """Whether a path, with a binding or without, asks for what the mount tells."""
        return split_binding(path, self.bindings)[1] == TOLD


def mounted(seams: Seams, roles: Iterable[Role]) -> Mount:
    """The good roles and bindings, but for those that the seams replace."""
    replaced_roles = {role.path: role for role in seams.roles}
    replaced = {binding.name: binding for binding in seams.bindings}
    return Mount(
        seams,
        tuple(replaced_roles.get(role.path, role) for role in roles),
        {binding.name: replaced.get(binding.name, binding) for binding in bindings()},
    )
