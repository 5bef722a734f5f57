"""Who has a stream of gRPC in its hands in Go code that somebody wrote, and what is called on it.

A stream is known by its type (`pb.Orders_ListServer`, `grpc.ServerStreamingServer[pb.Order]`), by the call that a
client opens it with (`stream, err := client.List(ctx, …)`), or, failing both, by its name. Pure. Never here: which
methods there are (`merging`).
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.survey.found import Call, Place, Use
from streamspec.harness.survey.go_generated import generic_of, go_type
from streamspec.harness.survey.go_tokens import word_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.survey.found import Kind, Side
    from streamspec.harness.survey.go_tokens import Function, GoFile, Parameter, Token

CALLS: Final = frozenset({"Send", "Recv", "SendAndClose", "CloseAndRecv", "CloseSend"})
_CHAIN_MAX: Final = 100  # words ahead of a call that are looked at for what it is called on
_ARGUMENT_MAX: Final = 100  # words of a call's first argument that are looked at for a context
_OF_CLIENTS: Final = frozenset({"CloseAndRecv", "CloseSend"})
_TYPE: Final = re.compile(r"(?P<method>[A-Z]\w*_[A-Z]\w*)(?P<side>Server|Client)")
_CONTEXT: Final = re.compile(r"ctx|context", re.IGNORECASE)
_NAMED_STREAM: Final = re.compile(r"stream$", re.IGNORECASE)
_KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"Server": "server", "Client": "client", "Bidi": "bidi"})


@dataclass(frozen=True, slots=True)
class _Stream:
    """A name that stands for a stream between two tokens, and what is known of it."""

    name: str
    begin: int
    end: int
    use: Use


def uses(file: GoFile, path: str) -> tuple[Use, ...]:
    """Every function of this file that has a stream, with its calls; one that only hands it on has none."""
    outer = sorted((f for f in file.functions if f.name), key=lambda function: function.begin)
    within = _within(outer, len(file.tokens))
    named = [outer[within[f.begin]] if within[f.begin] >= 0 else f for f in file.functions]
    pairs = zip(file.functions, named, strict=True)
    streams = [stream for function, holder in pairs for stream in _parameters(function, holder, path)]
    streams += _opened(file, outer, within, path)
    streams.sort(key=lambda stream: stream.begin)
    calls: dict[int, list[Call]] = {}
    loose: dict[tuple[int, str], list[Call]] = {}
    apart = _apart(file)
    meant = _Meant(streams)
    for n, receiver in _calls(file.tokens):
        call = Call(file.tokens[n].word, file.tokens[n].line, bool(apart[n]))
        at = meant.there(receiver, n)
        if at is not None:
            calls.setdefault(at, []).append(call)
        elif within[n] >= 0 and _NAMED_STREAM.search(receiver.rpartition(".")[2]):
            loose.setdefault((within[n], receiver), []).append(call)
    known = [replace(s.use, calls=tuple(calls.get(k, ()))) for k, s in enumerate(streams)]
    found = [use for use in known if use.calls or use.handles]
    found += [_loose(outer[at], receiver, tuple(made), path) for (at, receiver), made in loose.items()]
    return tuple(sorted(found, key=lambda use: (use.place, use.receiver)))


def _within(outer: Sequence[Function], count: int) -> Sequence[int]:
    """Of each token the declared function that it stands in, -1 for none. In Go none stands in another; in a text that
    is none the innermost is meant."""
    found = array("l", [-1]) * count
    open_: list[int] = []
    due = 0
    for n in range(count):
        while open_ and outer[open_[-1]].end <= n:
            open_.pop()
        while due < len(outer) and outer[due].begin == n:
            open_.append(due)
            due += 1
        if open_:
            found[n] = open_[-1]
    return found


def _apart(file: GoFile) -> bytearray:
    """Of each token whether it stands in a goroutine's function."""
    found = bytearray(len(file.tokens))
    reached = 0
    for function in file.functions:
        if function.apart and function.end > reached:
            found[function.begin : function.end] = b"\1" * (function.end - function.begin)
            reached = function.end
    return found


def _parameters(function: Function, named: Function, path: str) -> Iterator[_Stream]:
    pointers = [p for p in function.parameters if p.type[:1] == ("*",)][:2]
    for parameter in function.parameters:
        known = _known(parameter)
        if not known:
            continue
        handles = bool(function.of) and known.side == "server" and function.name[:1].isupper()
        asked = next((p for p in pointers if p is not parameter), None)
        kind: Kind = "server" if known.kind == "unknown" and handles and asked else known.kind
        request = go_type(asked.type) if asked and kind == "server" else known.request
        method = function.name if handles and not known.go_name else ""
        use = replace(
            known,
            place=Place(path, function.line),
            function=named.name,
            handles=handles,
            kind=kind,
            request=request,
            method=method,
        )
        yield _Stream(parameter.name, function.begin, function.end, use)


def _known(parameter: Parameter) -> Use | None:
    """What the type of a parameter says, None where it is no stream's."""
    generic = generic_of(parameter.type)
    place = Place("")
    if generic:
        name, types = generic
        side: Side = "server" if name.endswith("StreamingServer") else "client"
        kind = _KINDS[name.partition("Streaming")[0]]
        asked, answered = types.get("request", ""), types.get("response", "")
        return Use(place, "", parameter.name, side, (), kind=kind, request=asked, response=answered)
    match = _TYPE.fullmatch(parameter.type[-1]) if parameter.type else None
    if match is None or parameter.type[0] == "*":  # what is generated is an interface, and never pointed at
        return None
    side = "server" if match["side"] == "Server" else "client"
    return Use(place, "", parameter.name, side, (), go_name=match["method"])


def _opened(file: GoFile, outer: Sequence[Function], within: Sequence[int], path: str) -> Iterator[_Stream]:
    """`NAME, err := CLIENT.METHOD(ctx, …)`, from there to the end of its function."""
    clients = [_clients(function) for function in outer]
    tokens = file.tokens
    for n in range(len(tokens) - 1):
        if tokens[n].word not in {":=", "="} or within[n] < 0:
            continue
        if tokens[n - 2].word != "," or not tokens[n - 3].is_name:
            continue
        at = n + 1
        while word_at(tokens, at + 1) == "." and tokens[at].is_name:
            at += 2
        method = word_at(tokens, at)
        if at == n + 1 or not method[:1].isupper() or word_at(tokens, at + 1) != "(":
            continue
        if not _asks_with_context(tokens, at + 2):
            continue
        function = outer[within[n]]
        service = clients[within[n]].get(tokens[at - 2].word, "")
        name = tokens[n - 3].word
        go_name = f"{service}_{method}" if service else ""
        use = Use(Place(path, tokens[n].line), function.name, name, "client", (), go_name=go_name, method=method)
        yield _Stream(name, n, function.end, use)


def _clients(function: Function) -> Mapping[str, str]:
    """Of each parameter that is a client the name of its service."""
    typed = ((p.name, p.type[-1]) for p in function.parameters if p.name and p.type)
    return {name: kind.removesuffix("Client") for name, kind in typed if kind.endswith("Client")}


def _asks_with_context(tokens: Sequence[Token], begin: int) -> bool:
    """Whether the first argument of a call, whose first word stands there, is a context."""
    depth = 0
    for token in tokens[begin : begin + _ARGUMENT_MAX]:
        if not depth and token.word in {",", ")", "]", "}"}:
            return False
        if _CONTEXT.search(token.word):
            return True
        depth += (token.word in {"(", "[", "{"}) - (token.word in {")", "]", "}"})
    return False


def _calls(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """The place of every `.Send` and its like, and what stands ahead of the dot (`s.stream`)."""
    for n in range(2, len(tokens)):
        if tokens[n].word in CALLS and tokens[n - 1].word == "." and tokens[n - 2].is_name:
            at = n - 2
            while at > 1 and n - at < _CHAIN_MAX and tokens[at - 1].word == "." and tokens[at - 2].is_name:
                at -= 2
            yield n, "".join(token.word for token in tokens[at : n - 1])


class _Meant:
    """Which stream a name stands for, asked from the first token to the last: so what is over is put away once."""

    def __init__(self, streams: Sequence[_Stream]) -> None:
        self._streams = streams
        self._due: dict[str, list[int]] = {}
        for k in range(len(streams) - 1, -1, -1):
            self._due.setdefault(streams[k].name, []).append(k)
        self._open: dict[str, list[int]] = {}

    def there(self, name: str, at: int) -> int | None:
        """The one of this name that was declared last around that token."""
        due, open_ = self._due.get(name, []), self._open.setdefault(name, [])
        while due and self._streams[due[-1]].begin <= at:
            open_.append(due.pop())
        while open_ and self._streams[open_[-1]].end <= at:
            open_.pop()
        return open_[-1] if open_ else None


def _loose(function: Function, receiver: str, calls: tuple[Call, ...], path: str) -> Use:
    side: Side | None = "server" if any(call.name == "SendAndClose" for call in calls) else None
    if any(call.name in _OF_CLIENTS for call in calls):
        side = "client"
    return Use(Place(path, calls[0].line), function.name, receiver, side, calls)


def inferred(uses_of_one: Sequence[Use]) -> Kind:
    """The kind of a method by all that is called on its streams: what only one kind has decides, then the types, then
    the server's side, then a client's."""
    for use in uses_of_one:
        if use.kind != "unknown":
            return use.kind
    if any(call.name in {"SendAndClose", "CloseAndRecv"} for use in uses_of_one for call in use.calls):
        return "client"
    for side in ("server", "client"):
        calls = [call for use in uses_of_one if use.side == side for call in use.calls]
        names = {call.name for call in calls}
        if {"Send", "Recv"} <= names or (side == "server" and any(c.name == "Recv" and c.apart for c in calls)):
            return "bidi"
        if side == "server" and "Send" in names:
            return "server"
        if side == "client" and "Recv" in names and "CloseSend" not in names:
            return "server"
    return "unknown"
