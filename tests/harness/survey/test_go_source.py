"""Go code that has a stream of gRPC in its hands is found by what it says, and not by what its comments say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.survey.found import Call
from streamspec.harness.survey.go_generated import described
from streamspec.harness.survey.go_source import inferred, uses
from streamspec.harness.survey.go_tokens import read
from streamspec.harness.survey.merging import merged

HEAD = "package p\n"
MANY = 20_000
PIECES = (
    *("func", "go", "s", "stream", "List", "(", ")", "[", "]", "{", "}", ",", ".", ":=", "=", "*", "\n", "ctx", "err"),
    *(
        "pb.Orders_ListServer",
        "grpc.BidiStreamingServer[",
        "stream.Recv()",
        "stream.Send",
        "type",
        "interface",
        "'",
        '"',
    ),
    *(
        "grpc.ServiceDesc{",
        "ServiceName:",
        "Streams:",
        "StreamName:",
        '"a.B"',
        "HandlerType:",
        "OrdersServer",
        "//",
        "`",
    ),
)


def found(text: str) -> list[tuple[str, str, str | None, list[str]]]:
    """Function, stream, side, calls."""
    return [(u.function, u.receiver, u.side, [c.name for c in u.calls]) for u in uses(read(HEAD + text), "p.go")]


def kind(text: str) -> str:
    listed, _ = merged((), uses(read(HEAD + text), "p.go"))
    assert len(listed) == 1
    assert not listed[0].exact
    return f"{listed[0].full_name} {listed[0].kind}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "func (s *s) List(req *pb.R, stream pb.Orders_ListServer) error { return stream.Send(x) }",
            "Orders/List server",
        ),
        # a handler with a request beside its stream is the server's kind, whoever sends for it
        (
            "func (s *s) List(req *pb.R, stream pb.Orders_ListServer) error { return s.all(stream) }",
            "Orders/List server",
        ),
        (
            "func (s *s) Up(stream pb.Orders_UpServer) error { stream.Recv(); stream.SendAndClose(x) }",
            "Orders/Up client",
        ),
        ("func (s *s) Chat(stream pb.Hub_ChatServer) error { stream.Recv(); stream.Send(x) }", "Hub/Chat bidi"),
        ("func (s *s) Feed(stream pb.Hub_FeedServer) error { stream.Send(x) }", "Hub/Feed server"),
        ("func (s *s) Feed(stream pb.Hub_FeedServer) error { return s.run(stream) }", "Hub/Feed unknown"),
        ("func (s *s) Feed(stream pb.Hub_FeedServer) error { stream.Recv() }", "Hub/Feed unknown"),
        # no unary answer and no end of it is sent from a goroutine that only reads
        ("func (s *s) Feed(stream pb.Hub_FeedServer) error { go func() {\n stream.Recv() }() }", "Hub/Feed bidi"),
        (
            "func (s *s) F(stream pb.Hub_FServer) error { stream.Recv() }\nfunc f(a pb.Hub_FServer) { a.Send(x) }",
            "Hub/F bidi",
        ),
        ("func (s s[T]) L(r *pb.R, o grpc.ServerStreamingServer[pb.I]) error { }", "L server"),
        ("func (s *s) U(o grpc.ClientStreamingServer[pb.I, pb.R]) error { }", "U client"),
        ("func (s *s) C(o grpc.BidiStreamingServer[pb.I, pb.R]) error { }", "C bidi"),
        ("func up(c pb.HubClient) error { st, err := c.Up(ctx); st.Send(x); st.CloseAndRecv() }", "Hub/Up client"),
        ("func l(c pb.HubClient) error { st, err := c.L(ctx, &pb.R{}); st.Recv() }", "Hub/L server"),
        ("func c(c pb.HubClient) error { st, err := c.C(ctx); st.Send(x); st.Recv() }", "Hub/C bidi"),
    ],
)
def test_a_kind_is_inferred_from_types_and_calls(text: str, said: str) -> None:
    assert kind(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "// func (s *s) List(stream pb.Orders_ListServer) error { stream.Send(x) }",
        "/* stream.Send(x) */",
        'var text = "func (s *s) List(stream pb.Orders_ListServer) error { stream.Send(x) }"',
        "var text = `\nfunc (s *s) List(stream pb.Orders_ListServer) error {\n stream.Send(x) }`",
        "func f(c chan int, m mail.Sender) { m.Send(x); m.SendMail(y); stream.SendMsg(z); c <- 1 }",
        "func NewServer(s pb.OrdersServer, c *pb.Orders_ListServer) { s.Send(x); c.Send(x) }",
        "func f(c pb.OrdersClient) { one, err := c.Get(ctx, req); one.GetName() }",
        "type OrdersServer interface { List(*R, Orders_ListServer) error }",
        "type f func(stream pb.Orders_ListServer) error\nvar x = 1",
        "func f() { mux := http.NewServeMux(); mux.Recv(x) }",
    ],
)
def test_what_only_looks_like_a_stream_is_none(text: str) -> None:
    assert found(text) == []


def test_calls_are_told_with_their_lines_and_goroutines() -> None:
    text = (
        "func (s *chat) Chat(stream pb.Hub_ChatServer) error {\n go func() {\n  for { m, err := stream.Recv() }\n }()\n"
        " r := '\"'; _ = r // stream.Recv()\n return stream.Send(x)\n}\n"
    )
    (use,) = uses(read(HEAD + text), "p.go")
    assert use.calls == (Call("Recv", 4, apart=True), Call("Send", 7, apart=False))
    assert (use.place.line, use.handles, use.go_name) == (2, True, "Hub_Chat")


def test_a_name_means_what_was_declared_last_around_it() -> None:
    text = (
        "func (s *s) A(stream pb.H_AServer) error {\n"
        " stream.Send(x)\n"
        " func(stream pb.H_BServer) { stream.Recv() }(other)\n"
        " stream.Context()\n"
        " up, err := s.client.C(stream.Context())\n"
        " up.Send(x)\n}\n"
    )
    told = [(u.go_name or u.method, [c.name for c in u.calls]) for u in uses(read(HEAD + text), "p.go")]
    assert sorted(told) == [("C", ["Send"]), ("H_A", ["Send"]), ("H_B", ["Recv"])]


def test_a_stream_of_no_known_type_is_known_by_its_name_alone() -> None:
    assert found(
        "func (s *session) run() { s.stream.Send(x); s.conn.Send(x); s.streamed.Send(x)\n s.Stream.CloseSend() }"
    ) == [
        ("run", "s.stream", None, ["Send"]),
        ("run", "s.Stream", "client", ["CloseSend"]),
    ]
    assert found("func (s *session) run() { s.upstream.SendAndClose(x) }") == [
        ("run", "s.upstream", "server", ["SendAndClose"])
    ]


@pytest.mark.parametrize(
    "text",
    [
        "func f(a, b int, s pb.H_AServer) (n int, err error) { s.Send(x) }",
        "func f[T any](s pb.H_AServer) interface{ Do() } { s.Send(x) }",
        "func f(s H_AServer) struct{ a int } { s.Send(x) }",
        "func f(\n\ts pb.H_AServer,\n) (\n\terr error,\n) {\n s.Send(x) }",
        "var f = func(s pb.H_AServer) error { return s.Send(x) }",
        "func asm(x int) int\nfunc f(s pb.H_AServer) { s.Send(x) }",
        "func f(g func(int) error, m map[string]int, c chan int, s pb.H_AServer) { s.Send(x) }",
    ],
)
def test_a_function_s_body_is_found_behind_every_signature(text: str) -> None:
    told = [(u.go_name, [c.name for c in u.calls]) for u in uses(read(HEAD + text), "p.go")]
    assert told == [("H_A", ["Send"])]


def test_nothing_follows_from_nothing() -> None:
    assert inferred(()) == "unknown"


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=60), blank=st.sampled_from(["", " "]))
def test_no_text_breaks_the_reader(pieces: list[str], blank: str) -> None:
    text = blank.join(pieces)
    lines = range(1, text.count("\n") + 2)
    file = read(text)
    told = uses(file, "p.go")
    assert {call.line for use in told for call in use.calls} | {use.place.line for use in told} <= set(lines)
    methods, notes = described(file, "p.go")
    assert {method.place.line for method in methods} | {note.place.line for note in notes} <= set(lines)


@pytest.mark.parametrize(
    ("text", "calls"),
    [("func f() {\n a.stream" + ".Send" * MANY + "()\n}\n", MANY), ("func f() x " * MANY + "\n", 0)],
    ids=["a chain", "a line"],
)
def test_no_line_however_long_takes_more_than_its_length(text: str, calls: int) -> None:
    file = read(HEAD + text)
    found = uses(file, "a.go")
    assert len(file.functions) == bool(calls)
    assert sum(len(use.calls) for use in found) <= calls
