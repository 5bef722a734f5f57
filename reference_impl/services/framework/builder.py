"""`StreamBuilder`: a stream declared word by word, as the document has it.

Never here: what is done with a declaration; whoever begins one is handed it at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from streamspec.reference_impl.services.framework.procedure import Interceptor, Procedure, handler_of
from streamspec.reference_impl.services.framework.schema import Schema, schema_of

if TYPE_CHECKING:
    from streamspec.reference_impl.services.framework.procedure import Direction

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class StreamBuilder:
    """Each word answers a new builder, so that a half-made declaration can be the beginning of several."""

    _register: Callable[[Procedure], None]
    _name: str
    _input: Schema | None = None
    _output: Schema | None = None
    _description: str = ""
    _direction: Direction = "server"
    _content_type: str | None = None
    _priority: int = 0
    _interceptors: tuple[Interceptor, ...] = ()

    def input(self, model: Any) -> StreamBuilder:
        """What a server stream is asked with, or each item that a client sends: a pydantic model, or any type that
        msgspec can check."""
        return replace(self, _input=schema_of(model))

    def output(self, model: Any) -> StreamBuilder:
        """What the handler sends, item by item; what does not fit is not sent."""
        return replace(self, _output=schema_of(model))

    def description(self, text: str) -> StreamBuilder:
        return replace(self, _description=text)

    def direction(self, direction: Direction) -> StreamBuilder:
        """Who streams: `server` (the default), `client` or `bidi`."""
        return replace(self, _direction=direction)

    def use(self, *interceptors: Interceptor) -> StreamBuilder:
        """Put interceptors around the stream, inside those that it has."""
        return replace(self, _interceptors=self._interceptors + interceptors)

    def priority(self, priority: int) -> StreamBuilder:
        """Among the streams of one connection: higher goes first."""
        return replace(self, _priority=priority)

    def content_type(self, content_type: str) -> StreamBuilder:
        return replace(self, _content_type=content_type)

    def handler(self, function: F) -> F:
        """The end of the declaration: from now on the stream is found. Answers the function, so it also decorates."""
        procedure = Procedure(
            self._name,
            self._direction,
            self._input,
            self._output,
            self._description,
            self._content_type,
            self._priority,
            self._interceptors,
            handler_of(self._name, function),
        )
        self._register(procedure)
        return function
