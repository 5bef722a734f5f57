"""`Router`: the streams of an application, found by name; grouped under prefixes, with interceptors for all of them.

Never here: how a stream is run or served.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.services.framework.builder import StreamBuilder
from streamspec.reference_impl.services.framework.content_types import ContentTypes
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.procedure import check_interceptors, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamspec.reference_impl.services.framework.procedure import Interceptor, Procedure


class Router:
    """Every name leads to one procedure. Interceptors of the router run before those of its streams, and hold for
    streams that were declared before them as well."""

    def __init__(self) -> None:
        self._procedures: dict[str, Procedure] = {}
        self._interceptors: tuple[Interceptor, ...] = ()
        self._mounted = False
        self.content_types = ContentTypes()

    def stream(self, name: str) -> StreamBuilder:
        """Begin to declare a stream; `handler` ends that and registers it."""
        check_name(name)
        return StreamBuilder(self.register, name)

    def register(self, procedure: Procedure) -> None:
        self._check_own()
        if procedure.name in self._procedures:
            raise Misdeclared(f"there is a stream {procedure.name} already")
        self._procedures[procedure.name] = procedure

    def use(self, *interceptors: Interceptor) -> Router:
        """Put interceptors around every stream, in this order."""
        self._check_own()
        check_interceptors(interceptors)
        self._interceptors += interceptors
        return self

    def mount(self, prefix: str, router: Router, interceptors: Iterable[Interceptor] = ()) -> Router:
        """Take over the streams of another router: `prefix.name`. That one is done, and declares nothing after.

        These interceptors run between those of this router and those of the other.
        """
        check_name(prefix)
        self._check_own()
        if router is self:
            raise Misdeclared("a router is not mounted in itself")
        around = tuple(interceptors)
        taken = [
            replace(procedure, name=f"{prefix}.{procedure.name}", interceptors=around + procedure.interceptors)
            for procedure in router.procedures()
        ]
        if twice := [procedure.name for procedure in taken if procedure.name in self._procedures]:
            raise Misdeclared(f"there is a stream {twice[0]} already")
        router._mounted = True
        self._procedures |= {procedure.name: procedure for procedure in taken}
        return self

    def enable_usd(self, streams: Mapping[str, object]) -> Router:
        """Say in which content types streams are shown: `{"content_types": {"default": .., "supported": [..]}}`."""
        self.content_types = ContentTypes.declared(streams)
        return self

    def get(self, name: str) -> Procedure | None:
        """The stream of this name, with all its interceptors."""
        procedure = self._procedures.get(name)
        return None if procedure is None else self._with_interceptors(procedure)

    def procedures(self) -> tuple[Procedure, ...]:
        """All of them, as they were declared."""
        return tuple(map(self._with_interceptors, self._procedures.values()))

    def _with_interceptors(self, procedure: Procedure) -> Procedure:
        if not self._interceptors:
            return procedure
        return replace(procedure, interceptors=self._interceptors + procedure.interceptors)

    def _check_own(self) -> None:
        if self._mounted:
            raise Misdeclared("this router is mounted in another, and declares nothing more")
