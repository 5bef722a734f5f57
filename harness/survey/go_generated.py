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
    """The methods of every `ServiceDesc` with a name in this file; and where one has methods whose names are no texts,
    since code that somebody wrote may make them of anything, or has others inside of it, which nobody generates."""
    tokens = file.tokens
    begins = [
        n + 1
        for n in range(1, len(tokens) - 1)
        if tokens[n].word == "ServiceDesc" and tokens[n - 1].word == "." and tokens[n + 1].word == "{"
    ]
    if not begins:
        return (), ()
    types = _Types(file, _declared(tokens, file.closes))
    found: list[Method | Note] = []
    reached = 0
    for begin, following in zip(begins, (*begins[1:], len(tokens)), strict=True):
        if begin < reached:
            continue  # walked for each that it stands in, a text could be walked as often as it has words
        reached = file.closes[begin]
        found += _service(file, begin, path, types)
        if following < reached:
            found.append(Note(Place(path, tokens[following].line), "a ServiceDesc inside of another was not read"))
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
class _Spec:
    """A method of an interface: the types of its parameters, and the words of its results."""

    inside: tuple[tuple[str, ...], ...]
    results: list[str]


class _Types:
    """The interfaces and the names of stream types that a generated file declares. Each is walked once, whoever asks:
    a service has as many methods as its interface."""

    def __init__(self, file: GoFile, declared: Mapping[str, int]) -> None:
        self._file = file
        self._declared = declared
        self._interfaces: dict[str, Mapping[str, _Spec]] = {}
        self._streams: dict[str, Mapping[str, str]] = {}
        self._told: dict[tuple[str, str], Types] = {}

    def of(self, handler: str, method: str) -> Types:
        """The request and the response, empty where they are not told."""
        if (handler, method) not in self._told:
            self._told[handler, method] = self._of(handler, method)
        return self._told[handler, method]

    def _of(self, handler: str, method: str) -> Types:
        told = self._interface(handler).get(method)
        if told is None:
            return "", ""
        types: dict[str, str] = {}
        for parameter in told.inside:
            types |= self._stream(parameter) or ({"request": go_type(parameter)} if parameter[:1] == ("*",) else {})
        results = told.results
        if results[:1] == ["("]:  # (*Item, error)
            types.setdefault("response", go_type(results[1 : results.index(",")] if "," in results else []))
        return types.get("request", ""), types.get("response", "")

    def _stream(self, words: tuple[str, ...]) -> Mapping[str, str]:
        generic = generic_of(words)
        if generic:
            return generic[1]
        name = words[-1]
        if len(words) > 1:
            return self._aliased(name)
        if name not in self._streams:
            self._streams[name] = {**self._spoken(name), **self._aliased(name)}
        return self._streams[name]

    def _spoken(self, name: str) -> dict[str, str]:
        """What the methods of a stream's interface send and receive."""
        found: dict[str, str] = {}
        for called, spec in self._interface(name).items():
            if called in {"Send", "SendAndClose"} and spec.inside:
                found["response"] = go_type(spec.inside[0])
            elif called == "Recv" and "," in spec.results:
                found["request"] = go_type(spec.results[1 : spec.results.index(",")])
        return found

    def _aliased(self, name: str) -> Mapping[str, str]:
        alias = self._declared.get(name, 0)
        if word_at(self._file.tokens, alias) != "=":
            return {}
        return (generic_of(self._line_behind(alias)) or ("", {}))[1]

    def _interface(self, name: str) -> Mapping[str, _Spec]:
        """Each method that `type NAME interface {…}` has."""
        if name not in self._interfaces:
            specs: dict[str, _Spec] = {}
            for called, spec in self._walked(name):
                specs.setdefault(called, spec)
            self._interfaces[name] = specs
        return self._interfaces[name]

    def _walked(self, name: str) -> Iterator[tuple[str, _Spec]]:
        tokens, closes, at = self._file.tokens, self._file.closes, self._declared.get(name, 0)
        if word_at(tokens, at) != "interface":
            return
        n, end = at + 2, closes[at + 1]
        while n < end:
            if tokens[n].is_name and word_at(tokens, n + 1) == "(":
                close = closes[n + 1]
                inside = tuple(parameter.type for parameter in parameters(tokens[n + 2 : close]))
                yield tokens[n].word, _Spec(inside, self._line_behind(close))
                n = close
            n += 1

    def _line_behind(self, place: int) -> list[str]:
        tokens = self._file.tokens
        return [t.word for t in tokens[place + 1 : place + 1 + _LINE_MAX] if t.line == tokens[place].line]


def _declared(tokens: Sequence[Token], closes: Mapping[int, int]) -> Mapping[str, int]:
    """Of each `type NAME interface {` and `type NAME = …` outside of brackets the place behind the name."""
    found: dict[str, int] = {}
    n = 0
    while n < len(tokens) - 3:
        if tokens[n].word == "type" and (tokens[n + 2].word == "=" or tokens[n + 3].word == "{"):
            found[tokens[n + 1].word] = n + 2
        n = closes.get(n, n) + 1
    return found
