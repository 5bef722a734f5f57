"""Where a JSON value ends, however its octets are cut."""

from __future__ import annotations

from itertools import product

import pytest

from streamspec.harness.drivers._nesting import Nesting

VALUES = [
    b"{}",
    b"[]",
    b'""',
    b'{"a":[{},"}",{"b":"\\"]"}]}',
    b'["\\\\",["\\\\\\""]]',
    b'"[{\\"}]"',
    b"[}",
    b'{"\xff":"\\\xff"}',
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_ends_at_the_octet_that_closes_it(value: bytes) -> None:
    nesting = Nesting()
    assert nesting.run(b" , " + value + b'"{[]}', 3) == 3 + len(value)
    assert (nesting.depth, nesting.quoted) == (0, False)


@pytest.mark.parametrize("value", VALUES)
def test_and_at_none_before_it(value: bytes) -> None:
    nesting = Nesting()
    places = [nesting.run(value[at : at + 1]) for at in range(len(value))]
    assert places == [-1] * (len(value) - 1) + [1]


@pytest.mark.parametrize(
    ("begun", "depth", "quoted"),
    [
        (b"", 0, False),
        (b"[", 1, False),
        (b'[{"a":[]', 2, False),
        (b'"', 0, True),
        (b'["[', 1, True),
        (b'["\\"', 1, True),
        (b'["\\\\"', 1, False),
    ],
)
def test_what_is_open_is_known(begun: bytes, depth: int, *, quoted: bool) -> None:
    nesting = Nesting()
    assert nesting.run(begun) == -1
    assert (nesting.depth, nesting.quoted) == (depth, quoted)


def test_it_stops_at_the_first_array_in_an_object_when_asked_to() -> None:
    data = b'{"a":{"b":[1]},"c":"[","d":[1],"e":[2]}'
    nesting = Nesting(to_array=True)
    begin = nesting.run(data)
    assert data[:begin] == b'{"a":{"b":[1]},"c":"[","d":['
    assert nesting.depth == 2
    nesting.leave_array()
    assert nesting.run(data, begin + 2) == len(data)
    assert nesting.depth == 0


def test_it_stops_at_no_array_in_an_array() -> None:
    assert Nesting(to_array=True).run(b'{"a":{"b":[[]]}}') == 16


def test_long_texts_are_read_as_octet_by_octet() -> None:
    """Whoever looks for a quote and a backslash at once may pass over one of them."""
    for parts in product([b'"', b"\\", b"[", b"x" * 9], repeat=5):
        value = b'["' + b"".join(parts)
        whole, slow = Nesting(), Nesting()
        stops = [place for place in range(len(value)) if slow.run(value[place : place + 1]) >= 0]
        assert whole.run(value) == (stops[0] + 1 if stops else -1)
        assert stops or (whole.depth, whole.quoted) == (slow.depth, slow.quoted)
