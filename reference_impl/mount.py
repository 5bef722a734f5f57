"""`Mount`: one reference under its own path prefix, good or broken, with all its roles and bindings and what it tells.

Never here: a stream at work, HTTP, or a defect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from streamspec.reference_impl import conformance, payload
from streamspec.reference_impl.bindings import bindings
from streamspec.reference_impl.coding import GZIP_HEADERS
from streamspec.reference_impl.credentials import bearer, client_of
from streamspec.reference_impl.routing import (
    OVER,
    SCRIPT,
    SCRIPT_PAGES,
    TOLD,
    Asked,
    Page,
    Refused,
    header,
    route,
    split_binding,
)
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.told import Told
from streamspec.reference_impl.witness import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.grpc_names import Method
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.roles import Role
    from streamspec.reference_impl.seams import Seams

    # From a direction or procedure, the JSON that came with it, what is known of the client, and a deadline.
    Opens = Callable[[str, str, Headers, float | None], Asked | StreamError]


def _nowhere(_name: str) -> Mapping[str, str]:
    return conformance.NOWHERE


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
    """`open` are its streams that are not over, so that a shutdown can end them. If there are `tokens`, every request
    needs one; each is a client of its own, whose runs are kept from the others."""

    seams: Seams
    roles: tuple[Role, ...]
    bindings: Mapping[str, Binding]
    told: Told = field(default_factory=Told)
    runs: Runs = field(default_factory=Runs)
    open: set[ItemStream] = field(default_factory=set)
    tokens: tuple[str, ...] = field(default=(), repr=False)
    name: str = ""  # as `routing.split_variant` has it
    elsewhere: Callable[[str], Mapping[str, str]] = _nowhere  # of this name: what is served where no path leads
    opens: Opens | None = None  # of a service: what its messages ask for, instead of scripts
    # Of a service that has methods of its own over gRPC: those that there are, as `SERVICE/METHOD`.
    methods: Callable[[], Mapping[str, Method]] | None = None

    def opened(
        self, direction: str, text: str, headers: Headers, deadline_s: float | None = None
    ) -> Asked | StreamError:
        """What becomes of a stream that is asked for in a message. `headers` are what is known of its client."""
        if (refused := self.unauthenticated(headers)) is not None:
            return StreamError(Code.UNAUTHENTICATED, refused.text)
        if self.opens is not None:
            return self.opens(direction, text, headers, deadline_s)
        seams, client = self.seams, self._client(headers)
        return conformance.opened(direction, text, self.runs, seams.reads, client, seams.inlet, deadline_s)

    def answer(self, method: str, path: str, query: str, headers: Headers) -> Answer | Refused:
        """What becomes of a request for a stream, whose path is given without the mount's prefix."""
        if (refused := self.unauthenticated(headers)) is not None:
            return refused
        name, rest = split_binding(path, self.bindings)
        resume = partial(self.seams.resume, header(headers, "last-event-id"))
        if path.startswith(SCRIPT):
            name = path.removeprefix(SCRIPT)
            asked = conformance.asked(method, name, query, self.runs, resume, self.seams.reads, self._client(headers))
        else:
            asked = route(self.roles, method, rest, query, resume)
        if isinstance(asked, Refused):
            return asked
        if self.seams.is_over(asked):
            return OVER
        return Answer(asked, self.bindings[name], self.seams.codes(asked.role, header(headers, "accept-encoding")))

    def is_page(self, path: str) -> bool:
        """Whether a path asks for what the mount tells, with a binding or without, or for another page of it."""
        return split_binding(path, self.bindings)[1] == TOLD or _script_page(path) in SCRIPT_PAGES

    def page(self, method: str, path: str, query: str, headers: Headers) -> Page | Refused:
        """What becomes of a request for a page."""
        if (refused := self.unauthenticated(headers)) is not None:
            return refused
        if name := _script_page(path):
            said = conformance.features(
                protected=bool(self.tokens),
                isolated=len(self.tokens) > 1,
                lossy=self.seams.lossy,
                fin_half_closes=self.seams.fin_half_closes,
                elsewhere=self.elsewhere(self.name),
            )
            told, client = self.seams.features(said), self._client(headers)
            return conformance.page(method, name, query, self.runs, told, self.seams.figures, client)
        return Page(payload.to_json(self.told.figures()), conformance.JSON)

    def unauthenticated(self, headers: Headers) -> Refused | None:
        """The refusal of a client that is not known here, where one has to be."""
        if not self.tokens or self.seams.admits(self._known(headers) is not None, headers):
            return None
        return Refused(401, "credentials are needed", conformance.CHALLENGE)

    def _client(self, headers: Headers) -> conformance.Client:
        return conformance.Client(self._known(headers) or "", self.seams.owns)

    def _known(self, headers: Headers) -> str | None:
        """Which of its clients asks, by the place of his token; None for somebody else."""
        given = bearer(headers)
        return None if given is None else client_of(given, (token.encode() for token in self.tokens))


def _script_page(path: str) -> str:
    return path.removeprefix(SCRIPT) if path.startswith(SCRIPT) else ""


def mounted(
    seams: Seams,
    roles: Iterable[Role],
    tokens: tuple[str, ...] = (),
    name: str = "",
    elsewhere: Callable[[str], Mapping[str, str]] = _nowhere,
) -> Mount:
    """The good roles and bindings, but for those that the seams replace."""
    replaced_roles = {role.path: role for role in seams.roles}
    replaced = {binding.name: binding for binding in seams.bindings}
    return Mount(
        seams,
        tuple(replaced_roles.get(role.path, role) for role in roles),
        {binding.name: replaced.get(binding.name, binding) for binding in bindings()},
        tokens=tokens,
        name=name,
        elsewhere=elsewhere,
    )
