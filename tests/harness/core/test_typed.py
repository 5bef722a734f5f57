"""JSON into frozen dataclasses: what fits is built, what does not is refused with its place."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping  # noqa: TC003 -- read at run time
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.typed import build


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    how: Literal["rst", "fin"] = "rst"


@dataclass(frozen=True, slots=True)
class Outer:
    n: int
    ms: float = 0.0
    flag: bool = False
    seq: int | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    inner: Inner = Inner("x")
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"n": 1}, Outer(1)),
        ({"n": -1, "ms": 2}, Outer(-1, 2)),
        ({"n": 1, "ms": 2.5, "flag": True, "seq": None}, Outer(1, 2.5, flag=True)),
        ({"n": 1, "seq": 3, "pairs": [["a", "b"], ["c", "d"]]}, Outer(1, seq=3, pairs=(("a", "b"), ("c", "d")))),
        ({"n": 1, "inner": {"name": "y", "how": "fin"}}, Outer(1, inner=Inner("y", "fin"))),
        ({"n": 1, "facts": {"a": True, "b": 2, "c": "x"}}, Outer(1, facts={"a": True, "b": 2, "c": "x"})),
    ],
)
def test_what_fits_is_built(data: dict[str, Any], value: Outer) -> None:
    assert build(Outer, data) == value


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({}, "n"),
        ({"n": "1"}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.0}, "n"),
        ({"n": None}, "n"),
        ({"n": 1, "ms": "2"}, "ms"),
        ({"n": 1, "ms": True}, "ms"),
        ({"n": 1, "flag": 1}, "flag"),
        ({"n": 1, "seq": "3"}, "seq"),
        ({"n": 1, "seq": True}, "seq"),
        ({"n": 1, "pairs": "ab"}, "pairs"),
        ({"n": 1, "pairs": {"a": "b"}}, "pairs"),
        ({"n": 1, "pairs": [["a"]]}, "pairs[0]"),
        ({"n": 1, "pairs": [["a", "b"], ["c", 3]]}, "pairs[1][1]"),
        ({"n": 1, "inner": {"name": "y", "how": "politely"}}, "inner.how"),
        ({"n": 1, "inner": {"name": "y", "how": ["rst"]}}, "inner.how"),
        ({"n": 1, "inner": {}}, "inner.name"),
        ({"n": 1, "inner": []}, "inner"),
        ({"n": 1, "facts": {"a": [1]}}, "facts.a"),
        ({"n": 1, "facts": []}, "facts"),
        ({"n": 1, "more": 1}, "more"),
        ([], "Outer"),
        ("x", "Outer"),
        (None, "Outer"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(data: Any, place: str) -> None:
    with pytest.raises(TypeError) as caught:
        build(Outer, data)
    assert str(caught.value).startswith(f"{place}: ")


def test_a_field_that_is_given_is_not_read() -> None:
    assert build(Outer, {"n": 1}, inner=Inner("given")) == Outer(1, inner=Inner("given"))
    with pytest.raises(TypeError, match="inner"):
        build(Outer, {"n": 1, "inner": {"name": "read"}}, inner=Inner("given"))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["n", "ms", "seq", "pairs", "inner", "name", "how", "facts"]), inner),
    ),
    max_leaves=10,
)


@given(JSON)
def test_anything_is_either_built_or_refused(data: Any) -> None:
    with contextlib.suppress(TypeError):
        assert isinstance(build(Outer, data), Outer)
