"""What a gRPC server says of its own services, by server reflection: version 1, or v1alpha where it knows no other.

The I/O of a survey of a server, and the only module here that needs the extra `grpc`. Never here: a stream that is
judged, or how a method is shown.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from streamspec.harness import config
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.quoting import shown
from streamspec.harness.survey.found import Method, Note, Place, Survey, kind_of
from streamspec.harness.survey.merging import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import grpc

_NEEDED: Final = ("grpc", "grpc_reflection")
VERSIONS: Final = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_PLAIN: Final = frozenset({"grpc", "http"})
_SECURE: Final = frozenset({"grpcs", "https"})
_SERVICES_MAX: Final = 10_000
_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024  # of one answer
_NOTES_MAX: Final = 1_000
_LATE: Final = "no answer within its deadline"
_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))  # this server is asked, once
_WORDS_CHARS: Final = 200
_KEY: Final = re.compile(r"[0-9a-z_.-]+")  # what gRPC can carry as metadata
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and how it is asked: `address` is `host:port`, `cacert` whom to trust (PEM) instead of the
    usual, `timeout_s` how long all of it may take."""

    address: str
    secure: bool
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cacert: Path | None = None
    timeout_s: float = 10.0

    @property
    def url(self) -> str:
        """As a target is named."""
        return f"{'grpcs' if self.secure else 'grpc'}://{self.address}"


def server_at(text: str) -> Server:
    """`grpc://host:port`, `grpcs://`, `http://`, `https://` with or without a path, or `host:port`. Raises
    `UsageError`."""
    url = config.target_url(text if "://" in text else f"grpc://{text}")
    parts = urlsplit(url)
    if parts.scheme not in _PLAIN | _SECURE:
        raise UsageError(f"{parts.scheme}://: reflection is asked of grpc://, grpcs://, http:// or https://")
    host = parts.hostname or ""
    port = parts.port or config.PORTS[parts.scheme]
    return Server(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", parts.scheme in _SECURE)


def survey_of(server: Server, clock: Callable[[], float] = time.monotonic) -> Survey:
    """Every method of every service that this server names. Raises `UsageError` without the extra, `NoVerdict` for a
    server that cannot be reached or says nothing of itself."""
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError("discover needs grpcio-reflection to ask a server: pip install 'streamspec[grpc]'")
    import grpc

    for name, value in server.headers:
        if not (_KEY.fullmatch(name.lower()) and _VALUE.fullmatch(value)) or name.lower().endswith("-bin"):
            raise UsageError(f"-H {shown(name)}: gRPC carries no such metadata (ASCII is needed, and no name in -bin)")
    due = clock() + server.timeout_s
    options = (*_OPTIONS, ("grpc.max_receive_message_length", _ANSWER_BYTES_MAX))
    with _channel(server, options) as channel:
        for version in VERSIONS:
            asking = _Asking(channel, version, server, lambda: due - clock())
            try:
                return _told(server, asking)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    raise NoVerdict(f"{server.url}: {_words(error)}") from error
    raise NoVerdict(f"{server.url}: it does not offer server reflection (neither {' nor '.join(VERSIONS)})")


def _channel(server: Server, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
    import grpc

    if not server.secure:
        return grpc.insecure_channel(server.address, options=options)
    try:
        roots = server.cacert.read_bytes() if server.cacert else None
    except OSError as error:
        raise UsageError(f"--cacert {server.cacert}: {error.strerror}") from error
    return grpc.secure_channel(server.address, grpc.ssl_channel_credentials(roots), options=options)


def _words(error: Any) -> str:
    code, details = error.code().name, printable(error.details() or "", _WORDS_CHARS)
    if code == "DEADLINE_EXCEEDED":
        return _LATE
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return f"{code}: it wants credentials, say -H 'Authorization: Bearer …' ({details})"
    return f"{code} ({details})" if details else code


@dataclass(frozen=True, slots=True)
class _Asking:
    """One version of reflection on one channel; `left_s` is the time that is left, none or less when it is up."""

    channel: grpc.Channel
    version: str
    server: Server
    left_s: Callable[[], float]

    def answers(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Which files have these symbols, in their order; of an empty one, which services there are. Both versions have
        the same messages on the wire. Raises `grpc.RpcError`."""
        from grpc_reflection.v1alpha import reflection_pb2

        call = self.channel.stream_stream(
            f"/{self.version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        requests = (
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)
            if name
            else reflection_pb2.ServerReflectionRequest(list_services="")
            for name in symbols
        )
        metadata = tuple((name.lower(), value) for name, value in self.server.headers)
        yield from call(requests, timeout=max(0.001, self.left_s()), metadata=metadata)

    def check(self) -> None:
        """What was told is read in the server's time as well. Raises `NoVerdict` when that is up."""
        if self.left_s() <= 0:
            raise NoVerdict(f"{self.server.url}: {_LATE}")


@dataclass(slots=True)
class _Notes:
    """Each once, and no more than there may be: a server can give reason for any number."""

    found: dict[Note, None] = field(default_factory=dict)

    def add(self, file: str, text: str) -> None:
        if len(self.found) < _NOTES_MAX:
            self.found[Note(Place(file), text)] = None
        elif Note(Place(file), text) not in self.found:
            self.found[Note(Place("?"), f"there was more to be noted than {_NOTES_MAX} times")] = None


def _told(server: Server, asking: _Asking) -> Survey:
    notes = _Notes()
    names = _services(server, asking, notes)
    methods: list[Method] = []
    due = set(names)
    for name, answer in zip(names, asking.answers(names), strict=False):
        if name not in due:
            continue
        if answer.HasField("error_response"):
            told = printable(answer.error_response.error_message, _WORDS_CHARS)
            notes.add(name, f"the server does not describe it: {told}")
            continue
        for data in answer.file_descriptor_response.file_descriptor_proto:
            methods += _methods(data, due, notes, asking)
        if name in due:
            notes.add(name, "the server does not describe it")
    listed, _ = merged(methods, ())
    return Survey(server.url, listed, (), tuple(notes.found))


def _services(server: Server, asking: _Asking, notes: _Notes) -> list[str]:
    first = next(asking.answers([""]), None)
    if first is None or not first.HasField("list_services_response"):
        raise NoVerdict(f"{server.url}: it does not list its services")
    told = [service.name for service in first.list_services_response.service]
    names = sorted({name for name in told if _NAME.fullmatch(name)})
    if len(names) < len(set(told)):
        notes.add(server.url, "it lists services whose names are none")
    if len(names) > _SERVICES_MAX:
        notes.add(server.url, f"of {len(names)} services the first {_SERVICES_MAX} were asked about")
    return names[:_SERVICES_MAX]


def _methods(data: bytes, due: set[str], notes: _Notes, asking: _Asking) -> Iterator[Method]:
    """Those of the services that are due in one file descriptor, and then are not due any more; what has no such name
    as proto has is left out. Raises `NoVerdict` when the time is up."""
    from google.protobuf import descriptor_pb2
    from google.protobuf.message import DecodeError

    asking.check()
    try:
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
    except DecodeError:
        notes.add("?", "a file descriptor that cannot be read")
        return
    place = printable(file.name, _WORDS_CHARS) or "?"
    for service in file.service:
        asking.check()
        full = f"{file.package}.{service.name}" if file.package else service.name
        if full not in due:
            continue
        due.discard(full)
        for method in service.method:
            asking.check()
            types = method.input_type.removeprefix("."), method.output_type.removeprefix(".")
            if not all(_NAME.fullmatch(name) for name in (method.name, *types)):
                notes.add(place, f"{full} has a method whose names are none")
                continue
            kind = kind_of(client_streams=method.client_streaming, server_streams=method.server_streaming)
            yield Method(full, method.name, kind, *types, "reflection", Place(place))
