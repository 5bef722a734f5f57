"""`Procedure`: one declared stream, as data, and what of its client's and its handler's values it lets pass.

Never here: how a declaration is written (`builder`, `files`), found (`router`) or run (`playing`).
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

from streamspec.reference_impl.payload import writable
from streamspec.reference_impl.services.framework.faults import Misdeclared, Misfit, Unfit
from streamspec.reference_impl.services.framework.queries import read_without_schema
from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.framework.context import Context
    from streamspec.reference_impl.services.framework.schema import Schema

Direction = Literal["server", "client", "bidi"]
_log = logging.getLogger("streamspec.reference")
DIRECTIONS: Final[tuple[str, ...]] = get_args(Direction)

LONGEST_NAME_CHARS: Final = 128
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_+.-]{1,64}/[a-z0-9!#$&^_+.-]{1,64}")


class Next(Protocol):
    """What comes behind an interceptor: the interceptors after it, then the handler."""

    @property
    def payload(self) -> Any:
        """The validated input of a server stream; None of the others."""

    @property
    def items(self) -> AsyncIterator[Any] | None:
        """What the client sends, validated; None of a server stream."""

    async def __call__(self, items: AsyncIterator[Any] | None = None) -> Any:
        """Go on, with these items in place of the client's. Answers what the handler does: what it streams, or of a
        client stream what it returned."""


# What a handler is called with: the input, or what the client sends, and the context.
Handler = Callable[[Any, "Context"], Any]
Interceptor = Callable[["Context", Next], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A stream that can be asked for by name. Of a server stream `input` is the schema of what it is asked with, of a
    client or bidi stream that of each item. `content_type` is None where the server's default holds."""

    name: str
    direction: Direction
    input: Schema | None
    output: Schema | None
    description: str
    content_type: str | None
    priority: int
    interceptors: tuple[Interceptor, ...]
    handler: Handler

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.direction not in DIRECTIONS:
            raise Misdeclared(f"{self.name}: a direction is one of {', '.join(DIRECTIONS)}")
        if type(self.priority) is not int:
            raise Misdeclared(f"{self.name}: a priority is a whole number")
        if not isinstance(self.description, str):
            raise Misdeclared(f"{self.name}: a description is a text")
        check_interceptors(self.interceptors)
        if self.content_type is not None:
            check_media_type(self.content_type)

    def validated(self, payload: object, *, from_query: bool) -> object:
        """What a stream may begin with. Of a query `payload` maps names to texts, which become what the schema wants.

        Raises INVALID_ARGUMENT, naming the field, and what a validator fails with: INTERNAL where that has no code. A
        stream whose client sends items begins with nothing else.
        """
        if self.direction != "server":
            if payload not in (None, {}):
                raise StreamError(Code.INVALID_ARGUMENT, f"a {self.direction} stream takes items, and no payload")
            return None
        if self.input is None:
            return read_without_schema(payload) if from_query else payload
        if from_query:
            return self._read(self.input.read_query, payload)
        # Who says nothing is taken to say an empty object, so that defaults hold.
        return self._read(self.input.read, {} if payload is None else payload)

    def validated_item(self, item: object, number: int) -> object:
        """An item of the client, counted from 1. Raises as `validated` does."""
        return item if self.input is None else self._read(self.input.read, item, f"item {number}: ")

    def validated_output(self, output: object) -> object:
        """What may be shown of what the handler sent: JSON can be made of it (`schema.to_json`). Raises `Unfit`."""
        if self.output is None:
            return output
        try:
            return self.output.read_output(output)
        except Misfit as misfit:
            raise Unfit(f"{self.name}: {misfit.message}") from None

    def _read(self, reads: Callable[[object], object], value: object, about: str = "") -> object:
        try:
            return reads(value)
        except Misfit as misfit:
            raise StreamError(Code.INVALID_ARGUMENT, f"{about}{misfit.message}") from None
        except Exception as failure:
            # A validator is the operator's, as a handler is: what it raises is the stream's failure, and no wire's.
            shown = errors.shown(failure)
            if not isinstance(failure, StreamError):
                _log.info("a validator of %s failed", self.name, exc_info=failure)
            raise StreamError(shown.code, writable(shown.message)) from failure


def check_name(name: object) -> None:
    """Names are parts with dots between: of ASCII letters, digits, `_` and `-`, none beginning with `-`."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME_CHARS or _NAME.fullmatch(name) is None:
        shown = repr(name)[:LONGEST_NAME_CHARS]
        raise Misdeclared(
            f"{shown} is no name of a stream: parts of letters, digits, _ and - with dots between, "
            f"of at most {LONGEST_NAME_CHARS} characters"
        )


def check_media_type(text: object) -> None:
    if not isinstance(text, str) or _MEDIA_TYPE.fullmatch(text) is None:
        raise Misdeclared(f"{repr(text)[:LONGEST_NAME_CHARS]} is no media type such as application/x-ndjson")


def check_interceptors(interceptors: Iterable[object]) -> None:
    if not all(map(callable, interceptors)):
        raise Misdeclared("an interceptor is a function: async (ctx, call_next)")


def handler_of(name: str, function: object) -> Handler:
    """A handler as it is called, of a function that may leave out the context, or both."""
    if not callable(function):
        raise Misdeclared(f"{name}: a handler is a function")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise Misdeclared(f"{name}: nobody can tell how its handler is called") from error
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = sum(parameter.kind in by_place for parameter in parameters)
    needs = sum(parameter.default is inspect.Parameter.empty for parameter in parameters if parameter.kind in by_place)
    named = any(
        parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty
        for parameter in parameters
    )
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        takes = 2
    if needs > 2 or named:
        raise Misdeclared(f"{name}: a handler takes (input, context), (input) or nothing")
    if takes >= 2:
        return function
    if takes == 1:
        return lambda given, _context: function(given)
    return lambda _given, _context: function()
