"""The SSE encoder: exact bytes, payload line ends, and what has no place in a field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Completed, Failed, Item
from streamspec.reference_impl.stream.errors import Code


def test_an_item_has_its_number_as_id_and_one_json_text_as_data() -> None:
    assert sse.encode(Item(7, "№ 7")) == 'id: 7\ndata: {"n":7,"text":"№ 7"}\n\n'.encode()


def test_completion_is_an_end_event() -> None:
    assert sse.encode(Completed()) == b"event: end\ndata: {}\n\n"


def test_an_error_is_an_error_event_with_its_code_by_name() -> None:
    block = sse.encode(Failed(Code.INTERNAL, "no"))
    assert block == b'event: error\ndata: {"code":"INTERNAL","message":"no"}\n\n'


def test_an_error_message_cannot_start_another_event() -> None:
    block = sse.encode(Failed(Code.INTERNAL, "a\n\nevent: end\rdata: x"))
    assert block.count(b"\n") == 3
    assert b"\r" not in block


def test_a_heartbeat_is_a_comment() -> None:
    assert sse.comment("still here") == b": still here\n\n"


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_payload_line_ends_become_several_data_lines(line_end: str) -> None:
    assert sse.event(f"one{line_end}two{line_end}") == b"data: one\ndata: two\ndata: \n\n"


@pytest.mark.parametrize("forbidden", ["\r", "\n", "\0"])
def test_names_ids_and_comments_refuse_what_would_break_a_line(forbidden: str) -> None:
    refusal = "CR, LF and NUL"
    with pytest.raises(ValueError, match=refusal):
        sse.event("{}", name=f"a{forbidden}b")
    with pytest.raises(ValueError, match=refusal):
        sse.event("{}", id=f"1{forbidden}")
    with pytest.raises(ValueError, match=refusal):
        sse.comment(f"{forbidden}x")


def test_a_value_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        payload.to_json(float("nan"))


@given(st.text())
def test_data_reads_back_with_its_line_ends_as_lf(text: str) -> None:
    block = sse.event(text.encode(errors="replace").decode()).decode()
    assert block.endswith("\n\n")
    lines = block[:-2].split("\n")
    assert all(line.startswith("data: ") for line in lines)
    read = "\n".join(line.removeprefix("data: ") for line in lines)
    assert read == text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")


@given(st.integers(1), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_item_is_one_block_of_two_lines(n: int, text: str) -> None:
    block = sse.encode(Item(n, text)).decode()
    id_line, data_line, *rest = block.split("\n")
    assert (id_line, rest) == (f"id: {n}", ["", ""])
    assert json.loads(data_line.removeprefix("data: ")) == {"n": n, "text": text}
