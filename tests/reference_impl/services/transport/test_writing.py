"""The JSON of a response: written quickly it is what the definition says, to the octet; and so is what is refused."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamspec.reference_impl.services.transport import writing
from streamspec.reference_impl.services.transport.exceptions import NotSerialisable

if TYPE_CHECKING:
    from collections.abc import Callable


class Shade(enum.IntEnum):
    DARK = 1


class Word(str):
    """A text of one's own."""

    __slots__ = ()


class Table(dict[str, object]):
    """An object that writes itself."""

    def to_json(self) -> object:
        return [len(self)]


TEXTS = st.text(st.characters()) | st.sampled_from(["\ud800", "\x00\x1f\x7f\u2028", "\b\f\n\r\t\"\\/<>&'", "№ 🌊"])
LEAVES = st.one_of(
    *(TEXTS, st.integers(), st.booleans(), st.none(), st.floats()),
    st.sampled_from([2**64, -(2**63) - 1, 10**30, 1e16, 1e-7, Shade.DARK, Word("w"), {1}, b"octets", 1j, ("a", 1.0)]),
)
NAMES = TEXTS | st.sampled_from([1, 1.5, True, None, Shade.DARK, Word("n"), b"n"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


def said(write: Callable[[Any], tuple[str, int]], response: object) -> object:
    try:
        return write(response)
    except NotSerialisable as refused:
        return str(refused)


def nested(depth: int, innermost: object) -> object:
    for _ in range(depth):
        innermost = [{"in": innermost}]
    return innermost


@given(VALUES)
@example(float("nan"))
@example({"n": 10**5_000})
@example({"at": {"most": [1e16]}})
@example({"\ud800": "a"})
@example({"": {}, "a": [], "b": [[]]})
@example(Table(a=1))
@example({"rows": [Table(a=1)]})
def test_a_response_is_written_and_refused_as_the_definition_has_it(response: object) -> None:
    assert said(writing.written, response) == said(writing.by_definition, response)


@pytest.mark.parametrize("depth", [1, 3, 4, 5, 20, sys.getrecursionlimit()])
@pytest.mark.parametrize("innermost", ["№", 1e16, {1}])
def test_so_it_is_however_deep_it_is(depth: int, innermost: object) -> None:
    response = nested(depth, innermost)
    assert said(writing.written, response) == said(writing.by_definition, response)


def test_what_holds_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(NotSerialisable):
        writing.written(ring)


def test_a_size_is_in_octets_and_not_in_characters() -> None:
    assert writing.written({"a": "№ 🌊"}) == ('{"a":"№ 🌊"}', len('{"a":""}') + 3 + 1 + 4)


def test_texts_and_whole_numbers_are_not_written_by_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(response: object) -> tuple[str, int]:
        raise AssertionError(response)

    monkeypatch.setattr(writing, "by_definition", never)
    assert writing.written({"n": 1, "rows": [{"text": "№", "last": False, "next": None}]})[0] == (
        '{"n":1,"rows":[{"text":"№","last":false,"next":null}]}'
    )
