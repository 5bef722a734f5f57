"""The messages in octets, and the descriptors of `streams.proto`, made at run time: there is no generated code.

Needs protobuf, which the extra `grpc` brings. Never here: what a message means, a call.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from streamspec.reference_impl.services.patterns import model
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.services.patterns.methods import Method

T = TypeVar("T")

FILE: Final = "streampatterns/streams.proto"
PACKAGE: Final = "streampatterns"
_INT32: Final = descriptor_pb2.FieldDescriptorProto.TYPE_INT32
_INT64: Final = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_STRING: Final = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_BYTES: Final = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_ONE: Final = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY: Final = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
# The types of each message's fields, whose numbers count from 1 in the order in which the model has them.
KINDS: Final[Mapping[type, tuple[Any, ...]]] = MappingProxyType(
    {
        model.Item: (_INT64, _STRING, _BYTES),
        model.ListItemsRequest: (_STRING, _INT64),
        model.GetItemRequest: (_INT64,),
        model.DeleteItemRequest: (_INT64,),
        model.DeleteItemResponse: (),
        model.UploadResponse: (_INT32, _INT64),
        model.ChatMessage: (_STRING, _STRING),
        model.StreamRequest: (_STRING, _INT32),
    }
)


@dataclass(frozen=True, slots=True)
class Codec:
    """Octets of every message of the model, and back."""

    classes: Mapping[type, Any]

    def encoder(self, kind: type[T]) -> Callable[[T], bytes]:
        """Raises `ValueError` or `TypeError` for values that no field of the message has."""
        made = self.classes[kind]
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass, as all of the model

        def encode(value: T) -> bytes:
            octets: bytes = made(**{name: getattr(value, name) for name in names}).SerializeToString()
            return octets

        return encode

    def decoder(self, kind: type[T]) -> Callable[[bytes], T]:
        """Raises INTERNAL for octets that are no such message (gRPC, statuscodes)."""
        made = self.classes[kind]
        many = {field.name: str(field.type).startswith("tuple") for field in fields(kind)}  # type: ignore[arg-type]

        def decode(octets: bytes) -> T:
            try:
                read = made.FromString(octets)
            except DecodeError:
                raise StreamError(Code.INTERNAL, f"a message is no {kind.__name__}") from None
            found = {name: getattr(read, name) for name in many}
            return kind(**{name: tuple(value) if many[name] else value for name, value in found.items()})

        return decode


def codec() -> Codec:
    """A codec with classes of its own."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(described({}).SerializeToString())
    found = {kind: pool.FindMessageTypeByName(f"{PACKAGE}.{kind.__name__}") for kind in KINDS}
    return Codec({kind: message_factory.GetMessageClass(descriptor) for kind, descriptor in found.items()})


def described(services: Mapping[str, tuple[Method, ...]]) -> descriptor_pb2.FileDescriptorProto:
    """The file, with these services by their names in the package."""
    file = descriptor_pb2.FileDescriptorProto(name=FILE, package=PACKAGE, syntax="proto3")
    for kind, types in KINDS.items():
        message = file.message_type.add(name=kind.__name__)
        for number, (field, type_) in enumerate(zip(fields(kind), types, strict=True), 1):
            label = _MANY if str(field.type).startswith("tuple") else _ONE
            message.field.add(name=field.name, json_name=_camel(field.name), number=number, type=type_, label=label)
    for name, methods in services.items():
        service = file.service.add(name=name)
        for method in methods:
            service.method.add(
                name=method.name,
                input_type=f".{PACKAGE}.{method.request.__name__}",
                output_type=f".{PACKAGE}.{method.response.__name__}",
                client_streaming=method.client_streams or None,  # as `protoc` leaves out what is not so
                server_streaming=method.server_streams or None,
            )
    return file


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
