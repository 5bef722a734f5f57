"""Each method is listed once, by whom to believe first, with the Go code that belongs to it and no other."""

from __future__ import annotations

import pytest

from streamspec.harness.survey.found import Call, Method, Place, Use
from streamspec.harness.survey.merging import disagreements, go_word, merged


def method(
    name: str = "Chat", kind: str = "bidi", origin: str = "proto", service: str = "a.Hub", **more: str
) -> Method:
    place = Place(f"{origin}.file", 7)
    return Method(service, name, kind, "Ask", "Answer", origin, place, **more)  # type: ignore[arg-type]


def use(go_name: str = "", *, handles: bool = True, calls: str = "Send", **more: str) -> Use:
    made = tuple(Call(name, 3) for name in calls.split())
    return Use(Place("main.go", 2), "f", "stream", "server", made, go_name, handles=handles, **more)  # type: ignore[arg-type]


def test_proto_comes_before_generated_code() -> None:
    (one,), loose = merged([method(origin="generated", go_name="Hub_Chat"), method()], [use("Hub_Chat")])
    assert [m.origin for m in one.methods] == ["proto", "generated"]
    assert (len(one.uses), loose, one.exact) == (1, (), True)


def test_two_kinds_of_one_method_are_both_listed_and_told() -> None:
    listed, _ = merged([method(), method(kind="server", origin="generated")], [])
    assert [one.kind for one in listed] == ["bidi", "server"]
    (note,) = disagreements(listed)
    assert note.text == "a.Hub/Chat is declared twice: bidi in proto.file, server here"


def test_a_use_that_could_mean_two_methods_belongs_to_neither() -> None:
    listed, loose = merged([method(), method(service="b.Hub")], [use("Hub_Chat")])
    # a third is made of it, of which only Go code is there
    assert [(one.full_name, one.exact, len(one.uses)) for one in listed] == [
        ("Hub/Chat", False, 1),
        ("a.Hub/Chat", True, 0),
        ("b.Hub/Chat", True, 0),
    ]
    assert loose == ()


def test_a_handler_without_a_service_is_known_by_its_name_if_only_one_has_it() -> None:
    (one,), _ = merged([method()], [use(method="Chat")])
    assert len(one.uses) == 1
    (made, other), _ = merged([method()], [use(method="Chat", kind="server")])
    assert (made.full_name, made.kind, other.full_name, other.uses) == ("Chat", "server", "a.Hub/Chat", ())


def test_calls_of_a_unary_method_are_no_stream_s() -> None:
    (one,), loose = merged([method(kind="unary")], [use(method="Chat", handles=False)])
    assert (one.uses, len(loose)) == ((), 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ListItems", "ListItems"),
        ("list_items", "ListItems"),
        ("listItems", "ListItems"),
        ("_x", "XX"),
        ("Foo_Bar", "Foo_Bar"),
        ("a1b", "A1B"),
        ("get_2x", "Get_2X"),
    ],
)
def test_a_name_in_go_is_as_protoc_gen_go_makes_it(name: str, said: str) -> None:
    assert go_word(name) == said
