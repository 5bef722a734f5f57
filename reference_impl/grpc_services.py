"""What the gRPC server says of itself: its services' descriptors, made at run time, reflection, and health.

Needs the extra `grpc`. Never here: a stream.

    message Text { string json = 1; }
    service Script {
      rpc Server(Text) returns (stream Text);
      rpc Client(stream Text) returns (Text);
      rpc Bidi(stream Text) returns (stream Text);
      rpc Unary(Text) returns (Text);
    }
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from streamspec.reference_impl.grpc_names import METHODS, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from streamspec.reference_impl.grpc_names import Method

TEXT_FILE: Final = f"{PACKAGE}/text.proto"
TEXT: Final = f".{PACKAGE}.Text"
_TAKEN: Final = frozenset({PACKAGE, "grpc", "google"})  # packages that are described here anyhow
_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*/[A-Za-z_]\w*", re.ASCII)
_OLD: Final = "grpc.reflection.v1alpha"
_NEW: Final = "grpc.reflection.v1"  # the same messages on the wire, under another package


async def add_to(
    server: grpc.aio.Server, services: Iterable[str], files: Sequence[descriptor_pb2.FileDescriptorProto] = ()
) -> health.aio.HealthServicer:
    """Health, where every service serves, and reflection in both its versions. Services of none of the `files` play
    scripts. The answer is to be told of a shutdown, and of nothing else."""
    names = tuple(dict.fromkeys((*services, *_services_in(files))))
    described = pool(names, files)
    watch = health.aio.HealthServicer()
    for name in ("", *names):
        await watch.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(watch, server)
    reflections = (reflection.SERVICE_NAME, f"{_NEW}.ServerReflection")
    servicer = reflection.aio.ReflectionServicer((*names, health.SERVICE_NAME, *reflections), pool=described)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = {"ServerReflectionInfo": method}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers) for name in reflections])
    return watch


def pool(
    services: Iterable[str], files: Sequence[descriptor_pb2.FileDescriptorProto] = ()
) -> descriptor_pool.DescriptorPool:
    """The descriptors of these services, and of health and reflection."""
    made = descriptor_pool.DescriptorPool()
    for known in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        made.AddSerializedFile(known.serialized_pb)
    told = set(_services_in(files))
    scripts = (_service_file(name, METHODS) for name in services if name not in told)
    for file in (_reflection_v1(), _text_file(), *files, *scripts):
        made.AddSerializedFile(file.SerializeToString())
    return made


def _services_in(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> Iterator[str]:
    for file in files:
        ahead = f"{file.package}." if file.package else ""
        yield from (f"{ahead}{service.name}" for service in file.service)


def files_of(methods: Mapping[str, Method]) -> tuple[descriptor_pb2.FileDescriptorProto, ...]:
    """What describes methods that are no script's, by their names `SERVICE/METHOD`. What protobuf has no words for is
    served and not described: names that are none there, and a service that bears the name of a package."""
    found: dict[str, dict[str, tuple[bool, bool]]] = {}
    for name, method in methods.items():
        service, _, last = name.rpartition("/")
        if _NAME.fullmatch(name) and service.split(".")[0] not in _TAKEN:
            found.setdefault(service, {})[last] = (method.client_streams, method.server_streams)
    packages = {ahead for service in found for ahead in _ahead_of(service)}
    return tuple(_service_file(service, named) for service, named in found.items() if service not in packages)


def _ahead_of(service: str) -> Iterable[str]:
    """The packages that a service of this name is in: of `a.b.c` they are `a` and `a.b`."""
    parts = service.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _text_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=TEXT_FILE, package=PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    file.message_type.add(name="Text").field.add(
        name="json", json_name="json", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL
    )
    return file


def _service_file(service: str, methods: Mapping[str, tuple[bool, bool]]) -> descriptor_pb2.FileDescriptorProto:
    package, _, last = service.rpartition(".")
    name = f"{service.replace('.', '/')}.proto"
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3", dependency=[TEXT_FILE])
    made = file.service.add(name=last)
    for method, (client_streams, server_streams) in methods.items():
        made.method.add(
            name=method,
            input_type=TEXT,
            output_type=TEXT,
            client_streaming=client_streams,
            server_streaming=server_streams,
        )
    return file


def _reflection_v1() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _NEW
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(_OLD, _NEW)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_OLD, _NEW)
        method.output_type = method.output_type.replace(_OLD, _NEW)
    return file
