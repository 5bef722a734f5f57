"""Who has a stream of gRPC in its hands in Go code that somebody wrote, and what is called on it.

A stream is known by its type (`pb.Orders_ListServer`, `grpc.ServerStreamingServer[pb.Order]`), by the call that a
client opens it with (`stream, err := client.List(ctx, …)`), or, failing both, by its name. Pure. Never here: which
methods there are (`merging`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.survey.found import Call, Place, Use
from streamspec.harness.survey.go_generated import generic_of, go_type
from streamspec.harness.survey.go_tokens import pieces, word_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.survey.found import Kind, Side
    from streamspec.harness.survey.go_tokens import Function, GoFile, Parameter, Token

CALLS: Final = frozenset({"Send", "Recv", "SendAndClose", "CloseAndRecv", "CloseSend"})
_CHAIN_MAX: Final = 100  # words ahead of a call that are looked at for what it is called on
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
    outer = [f for f in file.functions if f.name]
    streams = [stream for f in file.functions for stream in _parameters(f, _outermost(outer, f), path)]
    streams += [stream for f in outer for stream in _opened(file, f, path)]
    streams.sort(key=lambda stream: stream.begin)
    by_name: dict[str, list[int]] = {}
    for k, stream in enumerate(streams):
        by_name.setdefault(stream.name, []).append(k)
    calls: dict[int, list[Call]] = {}
    loose: dict[tuple[int, str], list[Call]] = {}
    apart = _apart(file)
    for n, receiver in _calls(file.tokens):
        call = Call(file.tokens[n].word, file.tokens[n].line, bool(apart[n]))
        within = _within(outer, n)
        at = _meant(streams, by_name.get(receiver, ()), n, outer[within].begin if within is not None else 0)
        if at is not None:
            calls.setdefault(at, []).append(call)
        elif within is not None and _NAMED_STREAM.search(receiver.rpartition(".")[2]):
            loose.setdefault((within, receiver), []).append(call)
    known = [replace(s.use, calls=tuple(calls.get(k, ()))) for k, s in enumerate(streams)]
    found = [use for use in known if use.calls or use.handles]
    found += [_loose(outer[within], receiver, tuple(made), path) for (within, receiver), made in loose.items()]
    return tuple(sorted(found, key=lambda use: (use.place, use.receiver)))


def _outermost(outer: Sequence[Function], inner: Function) -> Function:
    at = _within(outer, inner.begin)
    return inner if at is None else outer[at]


def _within(outer: Sequence[Function], at: int) -> int | None:
    """Which declared function a token stands in; none stands in another."""
    n = bisect_right(outer, at, key=lambda function: function.begin) - 1
    return n if n >= 0 and at < outer[n].end else None


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
    for parameter in function.parameters:
        known = _known(parameter)
        if not known:
            continue
        handles = bool(function.of) and known.side == "server" and function.name[:1].isupper()
        asked = [p for p in function.parameters if p is not parameter and p.type[:1] == ("*",)]
        kind: Kind = "server" if known.kind == "unknown" and handles and asked else known.kind
        request = go_type(asked[0].type) if asked and kind == "server" else known.request
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


def _opened(file: GoFile, function: Function, path: str) -> Iterator[_Stream]:
    """`NAME, err := CLIENT.METHOD(ctx, …)`, from there to the end of the function."""
    typed = ((p.name, p.type[-1]) for p in function.parameters if p.name and p.type)
    clients = {name: kind.removesuffix("Client") for name, kind in typed if kind.endswith("Client")}
    tokens = file.tokens
    for n in range(function.begin + 1, min(function.end, len(tokens)) - 1):
        if tokens[n].word not in {":=", "="} or tokens[n - 2].word != "," or not tokens[n - 3].is_name:
            continue
        at = n + 1
        while word_at(tokens, at + 1) == "." and tokens[at].is_name:
            at += 2
        method = word_at(tokens, at)
        if at == n + 1 or not method[:1].isupper() or word_at(tokens, at + 1) != "(":
            continue
        first = next(iter(pieces(tokens[at + 2 : file.closes[at + 1]])), ())
        if not any(_CONTEXT.search(token.word) for token in first):
            continue
        service = clients.get(tokens[at - 2].word, "")
        name = tokens[n - 3].word
        go_name = f"{service}_{method}" if service else ""
        use = Use(Place(path, tokens[n].line), function.name, name, "client", (), go_name=go_name, method=method)
        yield _Stream(name, n, function.end, use)


def _calls(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """The place of every `.Send` and its like, and what stands ahead of the dot (`s.stream`)."""
    for n in range(2, len(tokens)):
        if tokens[n].word in CALLS and tokens[n - 1].word == "." and tokens[n - 2].is_name:
            at = n - 2
            while at > 1 and n - at < _CHAIN_MAX and tokens[at - 1].word == "." and tokens[at - 2].is_name:
                at -= 2
            yield n, "".join(token.word for token in tokens[at : n - 1])


def _meant(streams: Sequence[_Stream], named: Sequence[int], at: int, least: int) -> int | None:
    """Which stream of this name is meant there: what was declared last around it, in the function that begins at
    `least`."""
    for n in range(bisect_right(named, at, key=lambda k: streams[k].begin) - 1, -1, -1):
        if at < streams[named[n]].end:
            return named[n]
        if streams[named[n]].begin < least:
            return None
    return None


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
