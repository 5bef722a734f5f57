"""A server is asked by either version of reflection what it has, for a bounded time, and is believed nothing else."""

from __future__ import annotations

import itertools
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.survey import reflection
from streamspec.harness.survey.reflection import Server, server_at, survey_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Answer = Callable[[Any], Any]

V1, V1ALPHA = reflection.VERSIONS
LONGEST_S = 30.0


def described(*services: str) -> bytes:
    file = descriptor_pb2.FileDescriptorProto(name="hub.proto", package="a")
    for name in services:
        service = file.service.add(name=name)
        for method, asks, answers in (("Get", False, False), ("List", False, True), ("Up", True, False)):
            service.method.add(
                name=method, input_type=".a.Ask", output_type=".a.Item", client_streaming=asks, server_streaming=answers
            )
    return file.SerializeToString()


def listing(*names: str) -> Any:
    told = reflection_pb2.ListServiceResponse(service=[reflection_pb2.ServiceResponse(name=name) for name in names])
    return reflection_pb2.ServerReflectionResponse(list_services_response=told)


def files(*data: bytes) -> Any:
    told = reflection_pb2.FileDescriptorResponse(file_descriptor_proto=data)
    return reflection_pb2.ServerReflectionResponse(file_descriptor_response=told)


def error(text: str) -> Any:
    told = reflection_pb2.ErrorResponse(error_code=5, error_message=text)
    return reflection_pb2.ServerReflectionResponse(error_response=told)


@contextmanager
def served(
    answers: Answer,
    versions: Sequence[str] = (V1,),
    token: str = "",
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[Server]:
    """A server of these versions of reflection, with an answer of ours to each question; with a token, for those who
    have it."""

    def info(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        if token and dict(context.invocation_metadata()).get("authorization") != f"Bearer {token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no\x1btoken")
        for request in requests:
            yield answers(request)

    handler = grpc.stream_stream_rpc_method_handler(
        info,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        for version in versions:
            name = f"{version}.ServerReflection"
            made = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})
            server.add_generic_rpc_handlers((made,))
        if credentials:
            port = server.add_secure_port("127.0.0.1:0", credentials)
        else:
            port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield Server(f"127.0.0.1:{port}", secure=credentials is not None)
        finally:
            server.stop(None).wait(10)


def honest(request: Any) -> Any:
    if request.WhichOneof("message_request") == "list_services":
        return listing("a.Hub", "a.Other")
    return files(described("Hub", "Other", "Hidden"))


@pytest.mark.parametrize("versions", [(V1,), (V1ALPHA,), (V1, V1ALPHA)])
def test_either_version_tells_every_method_of_the_services_it_lists(versions: tuple[str, ...]) -> None:
    with served(honest, versions) as server:
        found = survey_of(server)
    assert [(one.full_name, one.kind, one.request, one.response) for one in found.methods] == [
        (f"a.{service}/{name}", kind, "a.Ask", "a.Item")
        for service in ("Hub", "Other")
        for name, kind in (("Get", "unary"), ("List", "server"), ("Up", "client"))
    ]
    assert (found.source, found.notes) == (server.url, ())
    assert {one.methods[0].place.file for one in found.methods} == {"hub.proto"}


def test_a_server_without_reflection_is_no_verdict() -> None:
    with served(honest, ()) as server, pytest.raises(NoVerdict, match="it does not offer server reflection"):
        survey_of(server)


def test_nobody_there_is_no_verdict() -> None:
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NoVerdict, match="UNAVAILABLE"):
            survey_of(Server(f"127.0.0.1:{taken.getsockname()[1]}", secure=False))


def test_a_server_that_does_not_answer_is_no_verdict_within_the_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = Server(f"127.0.0.1:{silent.getsockname()[1]}", secure=False, timeout_s=0.3)
        with pytest.raises(NoVerdict, match="no answer within its deadline"):
            survey_of(server)


def test_credentials_go_along_and_their_lack_is_told() -> None:
    with served(honest, token="good") as server:
        with pytest.raises(NoVerdict, match=r"it wants credentials, say -H .*no\\x1btoken"):
            survey_of(server)
        found = survey_of(replace(server, headers=(("Authorization", "Bearer good"),)))
    assert len(found.methods) == 6


def test_a_server_with_tls_is_believed_by_those_who_trust_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    trusted, others = tmp_path / "ours.pem", tmp_path / "others.pem"
    authority.cert_pem.write_to_path(str(trusted))
    trustme.CA().cert_pem.write_to_path(str(others))
    credentials = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
    with served(honest, credentials=credentials) as server:
        assert len(survey_of(replace(server, cacert=trusted)).methods) == 6
        with pytest.raises(NoVerdict, match="UNAVAILABLE"):
            survey_of(replace(server, cacert=others))
        with pytest.raises(UsageError, match=r"--cacert .*: No such file"):
            survey_of(replace(server, cacert=tmp_path / "nowhere.pem"))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (error("not\x07here"), "the server does not describe it: not\\x07here"),
        (files(), "the server does not describe it"),
        (files(described("Elsewhere")), "the server does not describe it"),
        (files(b"\xff\xff"), "a file descriptor that cannot be read"),
    ],
)
def test_what_a_server_does_not_describe_is_a_note(answer: Any, told: str) -> None:
    def answers(request: Any) -> Any:
        return listing("a.Hub") if request.WhichOneof("message_request") == "list_services" else answer

    with served(answers) as server:
        found = survey_of(server)
    assert found.methods == ()
    assert found.notes[0].text == told


def of_many_methods(count: int) -> bytes:
    file = descriptor_pb2.FileDescriptorProto(name="hub.proto", package="a")
    service = file.service.add(name="Hub")
    for n in range(count):
        service.method.add(name=f"M{n}", input_type=".a.Ask", output_type=".a.Item")
    return file.SerializeToString()


def of_one_service(answer: Any) -> Answer:
    return lambda request: listing("a.Hub") if request.WhichOneof("message_request") == "list_services" else answer


@pytest.mark.parametrize(
    "answer",
    [files(*[b""] * 5_000), files(described(*(f"S{n}" for n in range(5_000)))), files(of_many_methods(5_000))],
    ids=["files", "services", "methods"],
)
def test_what_a_server_tells_is_read_in_its_time_too(answer: Any) -> None:
    ticks = itertools.count()
    with served(of_one_service(answer)) as server, pytest.raises(NoVerdict, match="no answer within its deadline"):
        survey_of(replace(server, timeout_s=LONGEST_S), lambda: next(ticks) * LONGEST_S / 1_000)


def test_many_files_and_many_services_are_read_in_linear_time() -> None:
    names = [f"a.S{n}" for n in range(5_000)]
    asked = iter(range(len(names)))

    def answers(request: Any) -> Any:
        if request.WhichOneof("message_request") == "list_services":
            return listing(*names)
        return files() if next(asked) else files(*[b""] * 100_000)

    with served(answers) as server:
        found = survey_of(server)  # which has 10 s
    assert (found.methods, len(found.notes)) == ((), 1_001)
    assert found.notes[-1].text == "there was more to be noted than 1000 times"


def test_the_same_is_noted_once() -> None:
    with served(of_one_service(files(*[b"\xff"] * 5_000))) as server:
        found = survey_of(server)
    assert [note.text for note in found.notes] == [
        "a file descriptor that cannot be read",
        "the server does not describe it",
    ]


def test_names_that_are_none_are_left_out_and_told() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="a\n.proto", package="a")
    file.service.add(name="Hub").method.add(name='List"\n', input_type=".a.Ask", output_type=".a.Item")

    def answers(request: Any) -> Any:
        if request.WhichOneof("message_request") == "list_services":
            return listing("a.Hub", 'x"\ny')
        return files(file.SerializeToString())

    with served(answers) as server:
        found = survey_of(server)
    assert found.methods == ()
    assert [note.text for note in found.notes] == [
        "it lists services whose names are none",
        "a.Hub has a method whose names are none",
    ]


def test_a_server_that_answers_something_else_is_no_verdict() -> None:
    with served(lambda _: error("no")) as server, pytest.raises(NoVerdict, match="it does not list its services"):
        survey_of(server)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:50051", "grpc://127.0.0.1:50051"),
        ("grpc://localhost:1/a.S/M", "grpc://localhost:1"),
        ("grpcs://example.org:443", "grpcs://example.org:443"),
        ("http://example.org", "grpc://example.org:80"),
        ("https://example.org/x", "grpcs://example.org:443"),
        ("[::1]:50051", "grpc://[::1]:50051"),
    ],
)
def test_a_server_is_named_as_its_users_do(text: str, url: str) -> None:
    assert server_at(text).url == url


@pytest.mark.parametrize(
    "text", ["ws://example.org:80", "tcp://127.0.0.1:1", "grpc://user:pw@h:1", "grpc://h", "a b:1", "h:0"]
)
def test_what_names_no_server_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        server_at(text)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("header", [("x-\u00e4", "a"), ("x", "\u00e4"), ("x-bin", "a")])
def test_metadata_that_grpc_does_not_carry_is_refused_before_anything_is_sent(header: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="gRPC carries no such metadata"):
        survey_of(Server("127.0.0.1:1", secure=False, headers=(header,)))


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflection, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'streamspec\[grpc\]'"):
        survey_of(Server("127.0.0.1:1", secure=False))
