"""The messages of Connect's `ConformanceService`, made at run time by the protobuf library, and its `ServerStream` as
its proto tells it (service.proto and server_compat.proto of connectrpc/conformance): the oracle for what our profile
writes in digits. Only the fields that the profile needs are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PACKAGE: Final = "connectrpc.conformance.v1"
_KIND: Final = descriptor_pb2.FieldDescriptorProto
_MANY: Final = "repeated "
_TYPES: Final = {
    "bool": _KIND.TYPE_BOOL,
    "bytes": _KIND.TYPE_BYTES,
    "int32": _KIND.TYPE_INT32,  # of an enumeration too: it goes over the wire alike
    "string": _KIND.TYPE_STRING,
    "uint32": _KIND.TYPE_UINT32,
}
_MESSAGES: Final = {
    "Error": ("int32 code = 1", "string message = 2"),
    "StreamResponseDefinition": (
        *("repeated bytes response_data = 2", "uint32 response_delay_ms = 3", "Error error = 4"),
    ),
    "ServerStreamRequest": ("StreamResponseDefinition response_definition = 1", "bytes request_data = 2"),
    "Header": ("string name = 1", "repeated string value = 2"),
    "Any": ("string type_url = 1", "bytes value = 2"),
    "RequestInfo": ("repeated Header request_headers = 1", "repeated Any requests = 3"),
    "ConformancePayload": ("bytes data = 1", "RequestInfo request_info = 2"),
    "ServerStreamResponse": ("ConformancePayload payload = 1",),
    "ServerCompatRequest": (
        *("int32 protocol = 1", "int32 http_version = 2", "bool use_tls = 4", "uint32 message_receive_limit = 6"),
    ),
    "Numbered": ("uint32 n = 1",),  # ours: what we have sent back
}


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="conformance.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for words in fields:
            kind, called, _, number = words.removeprefix(_MANY).split()
            many = _KIND.LABEL_REPEATED if words.startswith(_MANY) else _KIND.LABEL_OPTIONAL
            field = message.field.add(name=called, number=int(number), label=many)
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = _KIND.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL: Final = _pool()


def made(message: str, /, **fields: Any) -> Any:
    """A message of this name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{message}"))(**fields)


def numbered(numbers: Iterable[int]) -> list[bytes]:
    return [made("Numbered", n=n).SerializeToString() for n in numbers]


def asked(data: Sequence[bytes] = (), delay_ms: int = 0, error: Any = None) -> bytes:
    """A `ServerStreamRequest` that defines its answer."""
    definition = made("StreamResponseDefinition", response_data=data, response_delay_ms=delay_ms, error=error)
    octets: bytes = made("ServerStreamRequest", response_definition=definition).SerializeToString()
    return octets


def served(request: bytes) -> Iterator[bytes | tuple[int, str]]:
    """What `ServerStream` answers, at once: messages, and the status with its text behind them. Raises what the library
    raises for octets that are no request."""
    read = made("ServerStreamRequest")
    read.ParseFromString(request)
    headers = [made("Header", name="user-agent", value=["of a test"])]
    echo = made("Any", type_url=f"type.googleapis.com/{_PACKAGE}.ServerStreamRequest", value=request)
    for n, data in enumerate(read.response_definition.response_data):
        info = None if n else made("RequestInfo", request_headers=headers, requests=[echo])
        payload = made("ConformancePayload", data=data, request_info=info)
        yield made("ServerStreamResponse", payload=payload).SerializeToString()
    error = read.response_definition.error
    yield error.code, error.message
