"""Generated Go code says exactly which methods a service has, in which direction, and with which types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.survey.go_generated import described
from streamspec.harness.survey.go_tokens import read

if TYPE_CHECKING:
    from streamspec.harness.survey.found import Method

DESCRIBED = """
var Hub_ServiceDesc = grpc.ServiceDesc{
	ServiceName: "shop.v1.Hub",
	HandlerType: (*HubServer)(nil),
	Methods: []grpc.MethodDesc{
		{
			MethodName: "Get",
			Handler:    _Hub_Get_Handler,
		},
	},
	Streams: []grpc.StreamDesc{
		{
			StreamName:    "list_items",
			Handler:       _Hub_ListItems_Handler,
			ServerStreams: true,
		},
		{StreamName: "Upload", Handler: _Hub_Upload_Handler, ClientStreams: true, ServerStreams: false},
		{
			StreamName:    "Chat",
			Handler:       _Hub_Chat_Handler,
			ServerStreams: true, // and
			ClientStreams: true,
		},
	},
	Metadata: "shop/hub.proto",
}
"""
GENERIC = """
type HubServer interface {
	// Get answers once.
	Get(context.Context, *GetRequest) (*Item, error)
	ListItems(*ListRequest, grpc.ServerStreamingServer[v1.Item]) error
	Upload(grpc.ClientStreamingServer[Item, Receipt]) error
	Chat(Hub_ChatServer) error
	mustEmbedUnimplementedHubServer()
}
type Hub_ChatServer = grpc.BidiStreamingServer[Ask, Answer]
"""
OLDER = """
type HubServer interface {
	Get(ctx context.Context, in *GetRequest) (*Item, error)
	ListItems(*ListRequest, Hub_ListItemsServer) error
	Upload(Hub_UploadServer) error
	Chat(Hub_ChatServer) error
}
type Hub_ListItemsServer interface {
	Send(*v1.Item) error
	grpc.ServerStream
}
type Hub_UploadServer interface {
	SendAndClose(*Receipt) error
	Recv() (*Item, error)
	grpc.ServerStream
}
type Hub_ChatServer interface {
	Send(*Answer) error
	Recv() (*Ask, error)
	grpc.ServerStream
}
"""


def methods(text: str) -> tuple[Method, ...]:
    found, notes = described(read(text), "x.go")
    assert notes == ()
    return found


@pytest.mark.parametrize("types", [GENERIC, OLDER], ids=["generic", "older"])
def test_every_method_is_told_with_its_kind_types_and_line(types: str) -> None:
    found = methods(DESCRIBED + types)
    assert [(m.service, m.name, m.kind, m.request, m.response, m.place.line) for m in found] == [
        ("shop.v1.Hub", "Get", "unary", "GetRequest", "Item", 7),
        ("shop.v1.Hub", "list_items", "server", "ListRequest", "v1.Item", 13),
        ("shop.v1.Hub", "Upload", "client", "Item", "Receipt", 17),
        ("shop.v1.Hub", "Chat", "bidi", "Ask", "Answer", 19),
    ]
    assert [m.go_name for m in found] == ["Hub_Get", "Hub_ListItems", "Hub_Upload", "Hub_Chat"]


def test_types_that_are_not_there_are_not_told() -> None:
    assert {(m.request, m.response) for m in methods(DESCRIBED)} == {("", "")}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "// var x = grpc.ServiceDesc{ServiceName: `a.B`}",
        'var x = grpc.ServiceDesc{HandlerType: nil, Streams: []grpc.StreamDesc{{StreamName: "A"}}}',
        "func f(d *grpc.ServiceDesc) { s.RegisterService(d, nil) }",
        'var x = grpc.ServiceDesc{ServiceName: name, Streams: []grpc.StreamDesc{{StreamName: "A"}}}',
        "var x = grpc.ServiceDesc{",
    ],
)
def test_what_describes_no_service_by_its_name_says_nothing(text: str) -> None:
    assert methods(text) == ()


def test_an_empty_service_and_one_on_a_single_line_are_read() -> None:
    text = (
        'var a = grpc.ServiceDesc{ServiceName: "a.A", Methods: []grpc.MethodDesc{}, Streams: []grpc.StreamDesc{}}\n'
        "var b = &grpc.ServiceDesc{ServiceName: `b.B`,\n"
        "Streams: []grpc.StreamDesc{{StreamName: `S`, ServerStreams: true}}}"
    )
    assert [(m.service, m.name, m.kind) for m in methods(text)] == [("b.B", "S", "server")]


def test_methods_that_code_makes_are_told_to_be_there() -> None:
    text = (
        'var d = grpc.ServiceDesc{ServiceName: "a.B", Streams: []grpc.StreamDesc{\n'
        ' stream("Day", day),\n {StreamName: night, ServerStreams: true},\n {StreamName: "Van", Handler: van},\n}}'
    )
    found, notes = described(read(text), "x.go")
    assert [(method.name, method.kind, method.go_name) for method in found] == [("Van", "unary", "")]
    assert [(note.place.line, note.text) for note in notes] == [
        (2, "a.B has a method whose name is not written here"),
        (3, "a.B has a method whose name is not written here"),
    ]


def test_a_description_inside_of_another_is_said_and_not_read() -> None:
    inner = 'x.ServiceDesc{ServiceName: "a.B", Streams: y{{StreamName: "T"}}}'
    outer = 'x.ServiceDesc{ServiceName: "a.A", Streams: y{{StreamName: "S"}}, '
    text = f"var a = {outer} Z:\n{inner},\n Y: {inner}}}\n{inner}"
    found, notes = described(read(text), "x.go")
    assert [(m.service, m.name, m.place.line) for m in found] == [("a.A", "S", 1), ("a.B", "T", 4)]
    assert [(note.place.line, note.text) for note in notes] == [(2, "a ServiceDesc inside of another was not read")]


def test_of_two_methods_or_interfaces_of_one_name_it_is_told_which_counts() -> None:
    twice = "type HubServer interface {\n Get(*First) (*One, error)\n Get(*Second) (*Two, error)\n}\n"
    inner = "func f() {\n type HubServer interface {\n Get(*Inner) (*Inner, error)\n }\n}\n"
    told = [(m.request, m.response) for m in methods(DESCRIBED + twice + inner) if m.name == "Get"]
    assert told == [("First", "One")]
