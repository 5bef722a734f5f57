"""The four patterns of seed 001 ("Key Detection Patterns"): where grep finds a line and we do not, or the other way
round, it is for a reason that stands here and in docs/discover.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.survey.tree import survey_of

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.survey.found import Survey

PROTO: Final = """\
package shop.v1;
// a stream of items: no method
service Orders {
  option (note) = "the stream of all";
  rpc List(Ask) returns (stream Order);
  rpc Upload(stream Order) returns (Receipt);
  rpc Chat(stream
    Note) returns (stream Note);
  rpc Get(Ask) returns (Order);
}
message Ask { bool stream = 1; }
"""
GO: Final = """\
package main
// stream.Send is called below
func (s *server) List(req *pb.Ask, stream pb.Orders_ListServer) error {
\treturn stream.Send(order)
}
func (s *server) Upload(stream pb.Orders_UploadServer) error {
\torder, err := stream.Recv()
\treturn stream.SendAndClose(receipt)
}
func (s *server) Chat(in pb.Orders_ChatServer) (err error) {
\tgo func() { note, err := in.Recv(); _ = note }()
\tgo func() {
\t\tin.Recv()
\t}()
\treturn in.Send(note)
}
func upload(ctx context.Context, client pb.OrdersClient) {
\tup, err := client.Upload(ctx)
\tup.Send(order)
\tup.CloseAndRecv()
\tmailer.SendMail("stream.Send")
\tsmtp.Send(mail)
\tgo func() { stream = nil }()
}
func register(s *grpc.Server) { pb.RegisterOrdersServer(s, &my_Server) }
"""


@pytest.fixture
def found(tmp_path: Path) -> Survey:
    (tmp_path / "orders.proto").write_text(PROTO)
    (tmp_path / "main.go").write_text(GO)
    return survey_of(tmp_path)


def grepped(pattern: str, text: str) -> set[int]:
    return {n for n, line in enumerate(text.splitlines(), start=1) if re.search(pattern, line)}


def test_streaming_methods_of_proto_files(found: Survey) -> None:
    ours = {m.place.line for one in found.methods for m in one.methods if one.streams}
    theirs = grepped("stream ", PROTO)
    assert ours == {5, 6, 7}
    assert theirs - ours == {2, 4, 8, 11}  # a comment, a text, the rest of a method, a field
    assert ours - theirs == {7}  # `stream` at the end of its line


def test_server_streaming_implementations(found: Survey) -> None:
    ours = {use.place.line for one in found.methods for use in one.uses if use.handles}
    assert ours == {3, 6, 10}
    # As it is written, GNU grep refuses the pattern (an unmatched parenthesis); with one that is meant, it looks for a
    # type that ends in `_Server`, and what is generated ends in `_ListServer`.
    assert grepped(r"_Server\)", GO) == {25}
    assert grepped(r"_\w+Server\)", GO) == ours


def test_calls_that_send_and_receive(found: Survey) -> None:
    ours = {call.line for one in found.methods for use in one.uses for call in use.calls}
    theirs = grepped(r"\.Send|\.Recv|\.SendAndClose|\.CloseAndRecv", GO)
    assert ours == {4, 7, 8, 11, 13, 15, 19, 20}
    assert theirs - ours == {2, 21, 22}  # a comment, a text and another method, something else that sends
    assert ours - theirs == set()


def test_reads_in_goroutines(found: Survey) -> None:
    ours = {call.line for one in found.methods for use in one.uses for call in use.calls if call.apart}
    theirs = grepped("go func.*Recv|go func.*stream", GO)
    assert ours == {11, 13}
    assert theirs - ours == {23}  # nothing is read there
    assert ours - theirs == {13}  # a goroutine of more than one line, as the document's own are


def test_what_they_show_together(found: Survey) -> None:
    told = [(one.full_name, one.kind, len(one.uses)) for one in found.methods if one.streams]
    assert told == [
        ("shop.v1.Orders/Chat", "bidi", 1),
        ("shop.v1.Orders/List", "server", 1),
        ("shop.v1.Orders/Upload", "client", 2),
    ]
    assert found.uses == ()
