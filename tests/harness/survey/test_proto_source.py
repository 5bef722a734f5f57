"""A `.proto` text is read as protoc reads it, whatever stands around its services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.survey.proto_names import methods
from streamspec.harness.survey.proto_source import read, tokens

DOCUMENT = """
service StreamService {
  // Server streaming: Client sends one request, server sends multiple responses
  rpc ListItems(ListItemsRequest) returns (stream Item);

  // Client streaming: Client sends multiple requests, server sends one response
  rpc UploadItems(stream Item) returns (UploadResponse);

  // Bidirectional streaming: Both sides send multiple messages
  rpc Chat(stream ChatMessage) returns (stream ChatMessage);
}
"""

PIECES = (
    *("service", "message", "group", "oneof", "extend", "enum", "option", "package", "import", "public", "export"),
    *("rpc", "stream", "returns", "M", "a.b", ".", "=", "1", "{", "}", "(", ")", "[", "]", "<", ">", ";", '"', "'x'"),
    *("rpc A(M) returns (stream M);", "service S {", "message M {", "//", "/*", "\n"),
)


def kinds(text: str) -> list[tuple[str, str]]:
    return [(f"{rpc.service}/{rpc.name}", rpc.kind) for rpc in read(text).rpcs]


def one(body: str) -> list[tuple[str, str, str, str]]:
    return [(rpc.name, rpc.kind, rpc.request, rpc.response) for rpc in read(f"service S {{ {body} }}").rpcs]


def test_the_document_s_service_is_read_with_its_lines() -> None:
    found = [(rpc.name, rpc.kind, rpc.request, rpc.response, rpc.line) for rpc in read(DOCUMENT).rpcs]
    assert found == [
        ("ListItems", "server", "ListItemsRequest", "Item", 4),
        ("UploadItems", "client", "Item", "UploadResponse", 7),
        ("Chat", "bidi", "ChatMessage", "ChatMessage", 10),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "// rpc A(stream B) returns (C);\nservice S {}",
        "/* service S { rpc A(stream B) returns (C); } */",
        'option java_package = "service S { rpc A(stream B) returns (C); }";',
        "option x = 'a \\' service S { rpc A(B) returns (C); }';",
        "message M { string stream = 1; stream rpc = 2; string service = 3; string returns = 4; }",
        "message M { message N { oneof o { string rpc = 1; } } reserved 4 to 6; extensions 100 to max; }",
        'option (x) = { service: "S" rpc { A: "stream" } };',
        'message M { string a = 1 [(x) = { rpc: "A" }, (y) = "}"]; }',
        "enum stream { service = 0; rpc = 1 [(x) = { a: 1 }]; }",
        "extend google.protobuf.ServiceOptions { string rpc = 1000; }",
        "service S { option (x) = { stream: 1 < a: 2 > }; }",
        "",
        "#include <stdio.h>\nint main(void) { return 0; }",
    ],
)
def test_what_only_looks_like_a_method_is_none(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("rpc A(B) returns (C);", ("A", "unary", "B", "C")),
        ("rpc A ( B ) returns ( C ) { }", ("A", "unary", "B", "C")),
        ("rpc A(B)\n// stream\nreturns /* stream */ (C) {};", ("A", "unary", "B", "C")),
        ('rpc A(B) returns (stream C) { option (g.http) = { get: "/a/{b}" body: "*" }; }', ("A", "server", "B", "C")),
        ("rpc A(stream .a.B) returns (c.D) { option deprecated = true; }", ("A", "client", ".a.B", "c.D")),
        ("rpc A(stream stream) returns (stream stream);", ("A", "bidi", "stream", "stream")),
        ("rpc stream(rpc) returns (service);", ("stream", "unary", "rpc", "service")),
        ("rpc A(returns) returns (returns);", ("A", "unary", "returns", "returns")),
        # As protoc has it, the word comes first and the rest is a full name.
        ("rpc A(stream.B) returns (C);", ("A", "client", ".B", "C")),
        ("rpc A(streamed) returns (stream_er);", ("A", "unary", "streamed", "stream_er")),
    ],
)
def test_a_method_is_read_in_every_spelling(body: str, found: tuple[str, str, str, str]) -> None:
    assert one(body) == [found]


def test_methods_behind_one_that_cannot_be_read_are_read() -> None:
    file = read("service S {\n rpc A(B) gives (C);\n rpc D(stream E) returns (F);\n rpc G(H) returns ();\n}\n")
    assert [rpc.name for rpc in file.rpcs] == ["D"]
    assert file.problems == ((2, "a method that cannot be read"), (4, "a method that cannot be read"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("service S {\n rpc A(B) returns (C);\n", (2, "the file ends inside of S")),
        ("}\n", (1, "a brace closes that none has opened")),
        ("service S {\n rpc A(B\n}\nmessage M {}", (2, "a method that cannot be read")),
        ("message M {\n = group {}\n}", (2, "a group that cannot be read")),
        ("message M {\n group = {}\n}", (2, "a group that cannot be read")),
    ],
)
def test_a_file_that_is_none_says_where(text: str, problem: tuple[int, str]) -> None:
    assert problem in read(text).problems


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_no_text_whatever_breaks_the_reader(pieces: list[str]) -> None:
    text = " ".join(pieces)
    found = methods({"a.proto": read(text)})
    again = methods({"a.proto": read(f"{text}\n/* */")})
    assert found == again


@pytest.mark.parametrize("broken", ["message M { = group {} }", "message M { optional group = { } }"])
def test_what_stands_behind_a_group_that_cannot_be_read_is_read(broken: str) -> None:
    assert kinds(f"{broken} service S {{ rpc A(M) returns (stream M); }}") == [("S/A", "server")]


def test_nothing_nests_too_deep_to_be_read() -> None:
    deep = "message M {" * 5_000 + "}" * 5_000
    text = f"{deep} service S {{ rpc A(B) returns (stream C); }}"
    assert kinds(text) == [("S/A", "server")]
    assert read(text).problems == ((1, "nested more than 100 deep"),)


RPC = "service S { rpc A(M) returns (stream M); }"


@pytest.mark.parametrize("text", ["{package}\n{rpc}", "{rpc}\n{package}"])
def test_of_a_file_whose_package_is_too_long_nothing_is_read_and_its_line_is_said(text: str) -> None:
    # Each of its parts holds names: 20 000 of them would be 400 million characters.
    package = f"package {'.'.join(['a'] * 20_000)};"
    file = read(f"\n{text.format(package=package, rpc=RPC)}\nmessage M {{}}\n}}")
    line = 2 if text.startswith("{package}") else 3
    told = "a package name of more than 500 characters: nothing of this file was read"
    assert file.problems == ((line, told),)
    assert (file.package, file.types, file.services, file.rpcs) == ("", frozenset(), (), ())
    assert methods({"a.proto": file}) == ()


def test_a_package_name_may_have_500_characters() -> None:
    package = ".".join(["a"] * 249)  # 497, and with `.S` and `.M` as many as there may be
    file = read(f"package {package};\n{RPC}\nmessage M {{}}")
    assert file.problems == ()
    assert [(m.service, m.request) for m in methods({"a.proto": file})] == [(f"{package}.S", f"{package}.M")]


@pytest.mark.parametrize(
    "what", ["message {name} {{ message N {{}} }}", "enum {name} {{ A = 0; }}", "service {name} {{ {rpc} }}"]
)
def test_what_has_too_long_a_name_is_left_out_and_what_follows_is_read(what: str) -> None:
    text = what.format(name="a" * 500, rpc="rpc A(M) returns (M);")
    file = read(f"package p;\n{text}\n{RPC}\nmessage M {{}}")
    assert file.problems == ((2, "a name of more than 500 characters"),)
    assert (file.types, file.services, [rpc.service for rpc in file.rpcs]) == (frozenset({"p.M"}), ("p.S",), ["p.S"])


def test_a_text_that_is_never_closed_ends_with_its_line() -> None:
    assert kinds('option a = "open\n;service S { rpc A(B) returns (stream C); }') == [("S/A", "server")]


@pytest.mark.parametrize("head", ['syntax = "proto2";', 'syntax = "proto3";', 'edition = "2023";', "\ufeff", ""])
def test_every_syntax_is_read(head: str) -> None:
    text = f"{head}\npackage a.b;\nservice S {{ rpc A(M) returns (stream M); }}\nmessage M {{}}"
    assert kinds(text) == [("a.b.S/A", "server")]


def test_types_of_every_kind_of_block_are_known() -> None:
    text = """
    package p;
    message M { enum E { X = 0; } oneof o { group G = 1 { optional group H = 2 { } } } message N {} }
    export message V {}
    local enum L { Y = 0; }
    extend M { repeated group R = 100 { } }
    """
    assert read(text).types == {"p.M", "p.M.E", "p.M.G", "p.M.G.H", "p.M.N", "p.V", "p.L", "p.R"}


def test_tokens_keep_their_lines_behind_comments_and_texts() -> None:
    found = [(token.word, token.line) for token in tokens('a /* 1\n2 */ b // c\n\'d\' "e\\"f"\ng')]
    assert found == [("a", 1), ("b", 2), ("'d'", 3), ('"e\\"f"', 3), ("g", 4)]


def test_a_name_means_the_innermost_type_that_has_it() -> None:
    text = """
    package a.b;
    message M { message N {} }
    message Item {}
    service S {
      rpc One(Item) returns (stream M.N);
      rpc Two(b.M) returns (.a.b.M);
      rpc Far(google.protobuf.Empty) returns (.x.Y);
    }
    """
    found = {m.name: (m.request, m.response) for m in methods({"s.proto": read(text)})}
    assert found == {
        "One": ("a.b.Item", "a.b.M.N"),
        "Two": ("a.b.M", "a.b.M"),
        "Far": ("google.protobuf.Empty", "x.Y"),
    }


def test_names_come_from_imports_and_what_these_pass_on() -> None:
    service = (
        'package s; import "a/one.proto"; service S { rpc A(One) returns (stream Two); rpc B(Other) returns (One); }'
    )
    texts = {
        "api/s.proto": service,
        "api/a/one.proto": 'package s; import public "two.proto"; message One {}',
        "old/a/one.proto": "package s; message Other {}",
        "api/two.proto": "package s; message Two {}",
    }
    found = [(m.request, m.response) for m in methods({path: read(text) for path, text in texts.items()})]
    assert found == [("s.One", "s.Two"), ("Other", "s.One")]
