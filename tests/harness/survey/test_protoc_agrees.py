"""Whatever stands in a `.proto` file, its methods are those that protoc sees there."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2
from grpc_tools import protoc  # type: ignore[import-untyped]  # it carries no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamspec.harness.survey.found import kind_of
from streamspec.harness.survey.proto_names import methods
from streamspec.harness.survey.proto_source import read

if TYPE_CHECKING:
    from pathlib import Path

Listed = list[tuple[str, str, str, str, str]]
# Words that a reader could stumble over; as names of types, services and methods all of them are allowed.
WORDS = ("stream", "rpc", "service", "message", "returns", "option", "Item", "M", "list_items", "_x", "group", "enum")
NOISE = (
    "",
    "// rpc A(stream B) returns (C);\n",
    "/* service S { rpc A(B) returns (stream C); } */",
    "/* } */ // {\n",
    " \n\t",
    '// "\n',
    "/* ' */",
)
OPTIONS = (
    "",
    "option deprecated = true;",
    'option (text) = "} rpc A(stream B) returns (C); {";',
    "option (text) = 'a \\' { \" b' \"}\";",
    'option (deep) = { name: "}" more { name: \'{\' } more < name: "rpc" > };',
)
DIALECTS = ('syntax = "proto2";', 'syntax = "proto3";', 'edition = "2023";', "")
EXTENDED = """
extend google.protobuf.MethodOptions { %s string text = 51000; %s Deep deep = 51001; }
message Deep { %s string name = 1; repeated Deep more = 2; }
"""


@st.composite
def proto_files(draw: st.DrawFn) -> str:
    """A file that protoc accepts: some messages, one of them with others inside, and services with options between."""
    noise = st.sampled_from(NOISE)
    dialect = draw(st.sampled_from(DIALECTS))
    label = "optional" if "proto2" in dialect or not dialect else ""
    package = draw(st.sampled_from(["", "a", "a.b", "stream.rpc"]))
    names = draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=4, unique=True))
    inner = draw(st.sampled_from(["Inner", "stream", "Item"]))
    parts = [dialect, draw(noise), 'import "google/protobuf/descriptor.proto";', draw(noise)]
    parts += [f"package {package};" if package else "", draw(noise)]
    for name in names:
        field = draw(st.sampled_from(["service", "rpc", "returns", "package"]))
        fields = f'{label} string {field} = 1 [json_name = "{{"]; {draw(noise)} oneof o {{ int32 only = 2; }}'
        nested = f"message {inner} {{ {draw(noise)} enum E {{ stream_{name} = 0; }} }}"
        parts += [f"message {name} {{ {fields} {nested} }}", draw(noise)]
    prefixed = f".{package}." if package else "."
    kinds = [(n, f"{prefixed}{n}") for n in names]
    types = [full for _, full in kinds] + [f"{full}.{inner}" for _, full in kinds]
    # a relative name is drawn where it is no word that the language has for itself there
    near = [n for n in names if n not in {"stream", "group"}]
    types += [f"{n}.{inner}" for n in near]
    services = draw(st.lists(st.sampled_from(["S", "T", "Rpc", "Stream"]), max_size=3, unique=True))
    for service in services:
        body = []
        called = draw(st.lists(st.sampled_from([*WORDS, "Get"]), max_size=4, unique=True))
        known = types + [n for n in near if n not in called]  # for protoc a method hides the type of its name
        for method in called:
            asked, answered = (draw(st.sampled_from(known)) for _ in range(2))
            ahead, behind = (draw(st.sampled_from(["", "stream ", "stream/**/"])) for _ in range(2))
            option = draw(st.sampled_from(OPTIONS))
            end = draw(st.sampled_from([f"{{ {option} }}", f"{{ {option} }};"])) if option else ";"
            spaces = [draw(noise) for _ in range(3)]
            body.append(
                f"rpc {spaces[0]} {method}({ahead}{asked}){spaces[1]} returns ({behind}{answered}){spaces[2]}{end}"
            )
        parts += [f"service {service} {{ {draw(noise)} {' '.join(body)} }}", draw(noise)]
    return "\n".join([*parts, EXTENDED % (label, label, label)])


def by_protoc(folder: Path, text: str) -> Listed:
    """What protoc says, which accepts whatever is drawn here."""
    (folder / "drawn.proto").write_text(text, encoding="utf-8")
    out = folder / "drawn.pb"
    options = [f"-I{folder}", f"-I{files('grpc_tools') / '_proto'}", f"--descriptor_set_out={out}"]
    assert protoc.main(["protoc", *options, "drawn.proto"]) == 0, text
    described = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    return sorted(
        (
            f"{file.package}.{service.name}".lstrip("."),
            method.name,
            kind_of(client_streams=method.client_streaming, server_streams=method.server_streaming),
            method.input_type[1:],
            method.output_type[1:],
        )
        for file in described.file
        for service in file.service
        for method in service.method
    )


def by_us(text: str) -> Listed:
    found = methods({"drawn.proto": read(text)})
    return sorted((m.service, m.name, m.kind, m.request, m.response) for m in found)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=proto_files())
def test_methods_are_those_that_protoc_sees(tmp_path: Path, drawn: str) -> None:
    assert by_us(drawn) == by_protoc(tmp_path, drawn)
    assert read(drawn).problems == ()


@settings(max_examples=100, deadline=None)
@given(drawn=proto_files(), cut=st.floats(0, 1), other=st.text(max_size=5))
def test_no_text_breaks_the_reader(drawn: str, cut: float, other: str) -> None:
    at = int(len(drawn) * cut)
    found = read(drawn[:at] + other + drawn[at:])
    lines = drawn.count("\n") + other.count("\n") + 1
    assert all(1 <= line <= lines for line in [*(rpc.line for rpc in found.rpcs), *(n for n, _ in found.problems)])
    assert {rpc.service for rpc in found.rpcs} <= set(found.services)
    assert read(drawn[:at]).rpcs == read(drawn).rpcs[: len(read(drawn[:at]).rpcs)]
