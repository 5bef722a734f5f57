"""A text twice as long takes twice the work, however it is nested: steps are counted, and no time is measured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from streamspec.harness.survey import go_generated, go_source, go_tokens, proto_names, proto_source
from streamspec.harness.survey.found import Method, Place, Use
from streamspec.harness.survey.merging import merged

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIZE: Final = 150
MOST: Final = 2.5  # times the steps of half the size; whoever walks what is nested again for each level takes four

INTERFACE: Final = "type {name} interface {{\n{methods}}}\n"


def described(handler: str, names: list[str]) -> str:
    methods = ", ".join(f'{{MethodName: "{name}", Handler: _A_{name}_Handler}}' for name in names)
    return (
        f'var _ = grpc.ServiceDesc{{ServiceName: "a.A", HandlerType: (*{handler})(nil), '
        f"Methods: []grpc.MethodDesc{{{methods}}}}}\n"
    )


def many_methods(n: int) -> str:
    names = [f"M{k}" for k in range(n)]
    asked = "".join(f"{name}(context.Context, *Ask) (*Answer, error)\n" for name in names)
    return described("AServer", names) + INTERFACE.format(name="AServer", methods=asked)


def many_methods_with_one_long_stream(n: int) -> str:
    names = [f"M{k}" for k in range(n)]
    asked = "".join(f"{name}(Long) error\n" for name in names)
    long = "".join(f"N{k}() error\n" for k in range(n))
    interfaces = (INTERFACE.format(name=name, methods=of) for name, of in (("AServer", asked), ("Long", long)))
    return described("AServer", names) + "".join(interfaces)


def interfaces_in_interfaces(n: int) -> str:
    nested = "".join(f"type S{k} interface {{\n" for k in range(n)) + "}\n" * n
    return "".join(described(f"S{k}", ["M"]) for k in range(n)) + nested


def interfaces_in_parameters(n: int) -> str:
    nested = "".join(f"type S{k} interface {{ M(" for k in range(n)) + ")}\n" * n
    return "".join(described(f"S{k}", ["M"]) for k in range(n)) + nested


GO: Final[dict[str, Callable[[int], str]]] = {
    "descriptions in descriptions": lambda n: 'x.ServiceDesc{ServiceName: "a.B", Y: ' * n + "}" * n,
    "descriptions that nobody closes": lambda n: "x.ServiceDesc{" * n,
    "many methods": many_methods,
    "many methods with one long stream": many_methods_with_one_long_stream,
    "interfaces in interfaces": interfaces_in_interfaces,
    "interfaces in parameters": interfaces_in_parameters,
    "functions in functions": lambda n: "func a() {\n" * n + "}\n" * n,
    "functions that nobody closes": lambda n: "func a() {\n" * n,
    "literals in literals": lambda n: "func a() {\n" + "go func() {\n" * n + "}()\n" * n + "}\n",
    "functions that open a stream each": lambda n: "func a() {\ns, err := c.List(ctx)\n" * n + "s.Recv()\n}\n" * n,
    "functions in parameters": lambda n: "func(" * n + ") {}" * n,
    "functions in receivers": lambda n: "func (" * n + ") N() {}" * n,
    "receivers without a body": lambda n: "func (" * n + ") N()" * n,
    "calls in calls": lambda n: "func a() {\n" + "s, err := c.List(func() {\n" * n + "})\n" * n + "}\n",
    "many streams of one function": lambda n: f"func a({'s grpc.ServerStreamingServer[A], ' * n}) {{}}\n",
    "streams that are over": lambda n: "func a() {\n" + "func(s pb.A_BServer) {}\n" * n + "s.Send(1)\n" * n + "}\n",
}

PROTO: Final[dict[str, Callable[[int], str]]] = {
    "a long package": lambda n: f"package {'.'.join('a' * n)};\nservice S {{ rpc A(B) returns (B); }}\n" * 2,
    "messages in messages": lambda n: "message A {" * n + "}" * n,
    "a long package of many methods": lambda n: (
        f"package {'.'.join('a' * n)};\nservice S {{ {'rpc A(B) returns (B); ' * n} }}\n"
    ),
}


def steps(work: Callable[[], object]) -> int:
    """The lines of the survey's own modules that are walked, each time one is."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if "survey" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def of_go(text: str) -> None:
    file = go_tokens.read(text)
    go_generated.described(file, "a.go")
    go_source.uses(file, "a.go")


def of_proto(text: str) -> None:
    proto_names.methods({"a.proto": proto_source.read(text)})


@pytest.mark.parametrize("text", GO.values(), ids=GO)
def test_go_code_of_twice_the_length_takes_twice_the_steps(text: Callable[[int], str]) -> None:
    once, twice = (steps(lambda n=n: of_go(text(n))) for n in (SIZE, 2 * SIZE))  # type: ignore[misc]
    assert SIZE < twice < MOST * once


@pytest.mark.parametrize("text", PROTO.values(), ids=PROTO)
def test_a_proto_file_of_twice_the_length_takes_twice_the_steps(text: Callable[[int], str]) -> None:
    once, twice = (steps(lambda n=n: of_proto(text(n))) for n in (SIZE, 2 * SIZE))  # type: ignore[misc]
    assert SIZE < twice < MOST * once


def test_twice_the_methods_and_their_handlers_take_twice_the_steps() -> None:
    def work(n: int) -> None:
        methods = [Method("a.A", f"M{k}", "server", "", "", "proto", Place("a.proto", k)) for k in range(n)]
        uses = [Use(Place("a.go", k), f"M{k}", "s", "server", (), method=f"M{k}", handles=True) for k in range(n)]
        listed, loose = merged(methods, uses)
        assert [len(one.uses) for one in listed] == [1] * n
        assert not loose

    assert SIZE < steps(lambda: work(2 * SIZE)) < MOST * steps(lambda: work(SIZE))
