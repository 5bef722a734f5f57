"""Where things stand in a TOML text: lines for messages, whatever the text's style."""

from __future__ import annotations

import tomllib
from typing import Final

import pytest

from streamspec.harness.core.toml_lines import line_of, places

LITERAL: Final = "'" * 3
TEXT: Final = f"""# a comment = "no key"
name = "x"  # another
long = \"\"\"
[[map]]
name = 'none of this'
\"\"\"\"
after = {LITERAL}a
]
{LITERAL}

[one."two three"]
deep.er = 1

[[map]]
when = {{ event = "[", "json.x" = "#" }}
is = "item"

[[map]]
is = [
  "a", # ]
  "b",
]

[map.when]
event = "x"
[[map.more]]
[[map.more]]
n = 1

[inline]
rows = [
  {{ a = 1 }}, {{ a = 2 }},
  {{ a = [{{ b = 3 }}] }},
]
"""


def test_the_text_is_toml() -> None:
    assert set(tomllib.loads(TEXT)) == {"name", "long", "after", "one", "map", "inline"}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("long",), 3),
        (("after",), 7),
        (("one", "two three"), 11),
        (("one", "two three", "deep"), 12),
        (("one", "two three", "deep", "er"), 12),
        (("map",), 14),
        (("map", 0), 14),
        (("map", 0, "when"), 15),
        (("map", 0, "when", "event"), 15),
        (("map", 0, "is"), 16),
        (("map", 0, "not there"), 14),
        (("map", 1), 18),
        (("map", 1, "is"), 19),
        (("map", 1, "when"), 24),
        (("map", 1, "when", "event"), 25),
        (("map", 1, "more", 0), 26),
        (("map", 1, "more", 1, "n"), 28),
        (("inline", "rows"), 31),
        (("inline", "rows", 1), 32),
        (("inline", "rows", 2), 33),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_a_thing_is_found_or_what_is_around_it(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


def test_nothing_else_is_found() -> None:
    names = {name for path in places(TEXT) for name in path if isinstance(name, str)}
    assert "a" not in names
    assert "none of this" not in names


@pytest.mark.parametrize("text", ["", "\n\n", "# x", 'x = "', "[[[", "= = =", "]]]\nx = 1", LITERAL, 'a = """'])
def test_any_text_may_be_looked_at(text: str) -> None:
    assert line_of(text, ("z",)) == 1
