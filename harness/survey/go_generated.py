"""What generated Go code says of a service: `grpc.ServiceDesc` has its name and the direction of every method exactly,
and the interfaces beside it the types.

Pure. Never here: code that somebody wrote (`go_source`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.survey.found import Method, Note, Place, kind_of
from streamspec.harness.survey.go_tokens import parameters, pieces, word_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.survey.go_tokens import GoFile, Token

    Types = tuple[str, str]

_LISTS: Final = ("Methods", "Streams")
_NAMES: Final = ("MethodName", "StreamName")
_LINE_MAX: Final = 40  # words of a line that are looked at for a type
# What the types of a stream stand for, in the order in which the generic ones have them.
GENERIC: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ServerStreamingServer": ("response",),
        "ClientStreamingServer": ("request", "response"),
        "BidiStreamingServer": ("request", "response"),
        "ServerStreamingClient": ("response",),
        "ClientStreamingClient": ("request", "response"),
        "BidiStreamingClient": ("request", "response"),
    }
)


def described(file: GoFile, path: str) -> tuple[tuple[Method, ...], tuple[Note, ...]]:
    """The methods of every `ServiceDesc` with a name in this file, and where one has methods whose names are no texts:
    code that somebody wrote may make them of anything."""
    tokens = file.tokens
    begins = [
        n + 1
        for n in range(1, len(tokens) - 1)
        if tokens[n].word == "ServiceDesc" and tokens[n - 1].word == "." and tokens[n + 1].word == "{"
    ]
    if not begins:
        return (), ()
    types = _Types(file, _declared(file.tokens))
    found = [one for begin in begins for one in _service(file, begin, path, types)]
    return (
        tuple(one for one in found if isinstance(one, Method)),
        tuple(one for one in found if isinstance(one, Note)),
    )


def _service(file: GoFile, begin: int, path: str, types: _Types) -> Iterator[Method | Note]:
    fields = dict(_fields(file.tokens[begin + 1 : file.closes[begin]]))
    service = text_of(fields.get("ServiceName", ()))
    handler = next((t.word for t in fields.get("HandlerType", ()) if t.is_name), "")
    if not service:
        return
    for made in (piece for name in _LISTS for piece in _entries(fields.get(name, ()))):
        entry = dict(_fields(made[1:-1])) if made[0].word == "{" else {}
        name = next((text_of(entry[name]) for name in _NAMES if name in entry), "")
        if not name:
            yield Note(Place(path, made[0].line), f"{service} has a method whose name is not written here")
            continue
        on = {key for key in ("ClientStreams", "ServerStreams") if [t.word for t in entry.get(key, ())] == ["true"]}
        kind = kind_of(client_streams="ClientStreams" in on, server_streams="ServerStreams" in on)
        called = "".join(t.word for t in entry.get("Handler", ()) if t.is_name)
        go_name = called.removeprefix("_").removesuffix("_Handler") if called.endswith("_Handler") else ""
        request, response = types.of(handler, go_name.rpartition("_")[2] or name)
        place = Place(path, next(entry[name][0].line for name in _NAMES if name in entry))
        yield Method(service, name, kind, request, response, "generated", place, go_name)


def text_of(tokens: Sequence[Token]) -> str:
    """The one text that stands there, else nothing."""
    return tokens[0].word[1:-1] if len(tokens) == 1 and tokens[0].word[:1] in {'"', "`"} else ""


def _fields(inside: Sequence[Token]) -> Iterator[tuple[str, Sequence[Token]]]:
    for piece in pieces(inside):
        if len(piece) > 2 and piece[1].word == ":":
            yield piece[0].word, piece[2:]


def _entries(value: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What stands between the commas of `[]grpc.StreamDesc{{…}, {…}}`."""
    begin = next((n for n, token in enumerate(value) if token.word == "{"), len(value))
    yield from pieces(value[begin + 1 : -1])


def go_type(words: Sequence[str]) -> str:
    """`*pb.Item` as `pb.Item`."""
    return "".join(words).lstrip("*")


def generic_of(words: Sequence[str]) -> tuple[str, Mapping[str, str]] | None:
    """`grpc.BidiStreamingServer[pb.Ask, pb.Answer]` as its name and its types, None for anything else."""
    name = next((word for word in words if word in GENERIC), "")
    if not name or words[-1] != "]":
        return None
    inside = "".join(words[words.index(name) + 2 : -1]).split(",")
    return name, dict(zip(GENERIC[name], (go_type(part) for part in inside), strict=False))


@dataclass(frozen=True, slots=True)
class _Types:
    """The interfaces and the names of stream types that a generated file declares."""

    file: GoFile
    declared: Mapping[str, int]

    def of(self, handler: str, method: str) -> Types:
        """The request and the response, empty where they are not told."""
        told = next((spec for spec in self._interface(handler) if spec[0] == method), None)
        if told is None:
            return "", ""
        _, inside, results = told
        types: dict[str, str] = {}
        for parameter in inside:
            types |= self._stream(parameter) or ({"request": go_type(parameter)} if parameter[:1] == ("*",) else {})
        if results[:1] == ["("]:  # (*Item, error)
            types.setdefault("response", go_type(results[1 : results.index(",")] if "," in results else []))
        return types.get("request", ""), types.get("response", "")

    def _stream(self, words: tuple[str, ...]) -> Mapping[str, str]:
        generic = generic_of(words)
        if generic:
            return generic[1]
        found: dict[str, str] = {}
        for name, inside, results in self._interface(words[-1]) if len(words) == 1 else ():
            if name in {"Send", "SendAndClose"} and inside:
                found["response"] = go_type(inside[0])
            elif name == "Recv" and "," in results:
                found["request"] = go_type(results[1 : results.index(",")])
        alias = self.declared.get(words[-1], 0)
        if word_at(self.file.tokens, alias) == "=":
            found |= (generic_of(self._line_behind(alias)) or ("", {}))[1]
        return found

    def _interface(self, name: str) -> Iterator[tuple[str, tuple[tuple[str, ...], ...], list[str]]]:
        """Each method that `type NAME interface {…}` has: its name, the types of its parameters, its results."""
        tokens, at = self.file.tokens, self.declared.get(name, 0)
        if word_at(tokens, at) != "interface":
            return
        n, end = at + 2, self.file.closes[at + 1]
        while n < end:
            if tokens[n].is_name and word_at(tokens, n + 1) == "(":
                close = self.file.closes[n + 1]
                inside = tuple(parameter.type for parameter in parameters(tokens[n + 2 : close]))
                yield tokens[n].word, inside, self._line_behind(close)
                n = close
            n += 1

    def _line_behind(self, place: int) -> list[str]:
        tokens = self.file.tokens
        return [t.word for t in tokens[place + 1 : place + 1 + _LINE_MAX] if t.line == tokens[place].line]


def _declared(tokens: Sequence[Token]) -> Mapping[str, int]:
    """Of each `type NAME interface {` and `type NAME = …` the place behind the name."""
    return {
        tokens[n - 1].word: n
        for n in range(2, len(tokens) - 1)
        if tokens[n - 2].word == "type" and (tokens[n].word == "=" or tokens[n + 1].word == "{")
    }
