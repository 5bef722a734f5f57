"""A survey is shown to people in lines and to machines as JSON, and no word of others does anything in either."""

from __future__ import annotations

import json

from streamspec.harness.survey.found import Call, Listed, Method, Note, Place, Survey, Use
from streamspec.harness.survey.showing import document, table

HANDLER = Use(Place("main.go", 40), "List", "stream", "server", (Call("Send", 41),), "Orders_List", handles=True)
LOOSE = Use(
    Place("run.go", 9), "run", "s.stream", None, (Call("Send", 9), Call("Send", 10), Call("Recv", 11, apart=True))
)


def listed(kind: str, name: str = "List", origin: str = "proto", *uses: Use) -> Listed:
    method = Method("shop.Orders", name, kind, "Ask", "Order", origin, Place("o.proto", 12))  # type: ignore[arg-type]
    return Listed("shop.Orders", name, kind, (method,), uses, "Ask", "Order")  # type: ignore[arg-type]


FOUND = Survey(
    "api",
    (listed("server", "List", "proto", HANDLER), listed("unary", "Get"), listed("bidi", "Chat", "go")),
    (LOOSE,),
    (Note(Place("x.proto", 3), "a method that cannot be read"),),
    4,
)


def test_the_table_has_a_line_a_method_and_every_place() -> None:
    assert table(FOUND).splitlines() == [
        "KIND             METHOD            REQUEST -> RESPONSE  WHERE",
        "server           shop.Orders/List  Ask -> Order         o.proto:12",
        "                                                        main.go:40 List",
        "bidi (inferred)  shop.Orders/Chat  Ask -> Order         o.proto:12",
        "",
        "Go code with a stream of no method above:",
        "    run s.stream  Send, Recv  run.go:9",
        "note: x.proto:3: a method that cannot be read",
        "2 streaming methods (1 bidi, 1 server) in 4 files",
    ]


def test_unary_methods_are_there_when_they_were_asked_for() -> None:
    assert "unary" in table(FOUND, unary=True)
    assert [m["kind"] for m in json.loads(document(FOUND, unary=True))["methods"]] == ["server", "unary", "bidi"]
    assert [m["kind"] for m in json.loads(document(FOUND))["methods"]] == ["server", "bidi"]


def test_nothing_found_is_one_line() -> None:
    assert table(Survey("api", (), files=3)) == "0 streaming methods in 3 files\n"


def test_the_json_has_every_place_and_call() -> None:
    found = json.loads(document(FOUND))
    assert found["methods"][0] == {
        "service": "shop.Orders",
        "method": "List",
        "kind": "server",
        "exact": True,
        "request": "Ask",
        "response": "Order",
        "places": [{"file": "o.proto", "line": 12, "origin": "proto"}],
        "uses": [
            {
                "file": "main.go",
                "line": 40,
                "function": "List",
                "stream": "stream",
                "side": "server",
                "handles": True,
                "calls": [{"call": "Send", "line": 41, "goroutine": False}],
            }
        ],
    }
    assert [call["goroutine"] for call in found["uses"][0]["calls"]] == [False, False, True]
    assert found["notes"] == [{"file": "x.proto", "line": 3, "text": "a method that cannot be read"}]
    assert (found["version"], found["source"], found["files"]) == (1, "api", 4)


def test_no_word_of_others_moves_a_cursor() -> None:
    place = Place("a\x1b[2J\n\u202eb\udcff.proto", 1)
    method = Method("p.S", "A", "server", "M", "M", "proto", place)
    text = table(Survey("x", (Listed("p.S", "A", "server", (method,), (), "M", "M"),), (), (Note(place, "\x07\r"),)))
    assert [char for char in text if not char.isprintable() and char != "\n"] == []
    assert len(text.splitlines()) == 4
