"""A baseline's file: what is wrong in it is named with its line, before any traffic."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.baseline_file import comparison, from_toml, read
from streamspec.harness.core.baseline import Known
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.run import About, Run

if TYPE_CHECKING:
    from pathlib import Path

RULES = ("CN-02", "CN-03", "SSE-02")
WHOLE = """\
# what is known
[[known]]
rule = "CN-02"
case = "conformance/leave*"
binding = "sse"
reason = "the proxy buffers"
until = 2027-01-31

[[known]]
rule = "SSE-02"
reason = "set by the edge"
"""


def test_each_entry_knows_where_it_stands() -> None:
    assert from_toml(WHOLE.encode(), "b.toml", RULES) == (
        Known("CN-02", "the proxy buffers", "conformance/leave*", "sse", dt.date(2027, 1, 31), "b.toml:2"),
        Known("SSE-02", "set by the edge", place="b.toml:9"),
    )


def test_an_empty_baseline_knows_nothing() -> None:
    assert from_toml(b"", "b.toml", RULES) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("known = 3", "b.toml:1: known is a list of tables, written [[known]]"),
        ("[[knwon]]\nrule = 'CN-02'", "b.toml:1: unknown key 'knwon'"),
        ("[[known]]\nreason = 'x'", 'b.toml:1: rule = "…" is missing'),
        ("[[known]]\nrule = 'CN-02'", 'b.toml:1: CN-02: reason = "…" is missing: why may this rule be broken?'),
        ("[[known]]\nrule = 'CN-02'\nreason = '  '", 'CN-02: reason = "…" is missing'),
        ("[[known]]\nrule = 'CN-02'\nreason = 'TODO'", 'b.toml:3: CN-02: reason = "TODO" is none'),
        ("[[known]]\n\nrule = 'CN-2'\nreason = 'x'", "b.toml:3: no rule 'CN-2'; did you mean CN-0"),
        ("[[known]]\nrule = 'CN-02'\nreson = 'x'", "b.toml:3: unknown key 'reson'"),
        ("[[known]]\nrule = 'CN-02'\nreason = 'x'\nuntil = '2027-01-31'", "b.toml:4: CN-02: until is a day"),
        ("[[known]]\nrule = 'CN-02'\nreason = 'x'\ncase = 3", 'b.toml:4: case = "…" is a text'),
        ("[[known]]\nrule = ", "b.toml:2:"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        from_toml(text.encode(), "b.toml", RULES)
    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--baseline .*nothing\.toml: No such file"):
        read(tmp_path / "nothing.toml", RULES)


def test_a_baseline_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text("# mine\n")
    with pytest.raises(UsageError, match="it is there already, and is not written over"):
        comparison(None, str(tmp_path / "b.toml"))
    assert (tmp_path / "b.toml").read_text() == "# mine\n"


def test_a_place_where_nothing_can_be_written_is_refused_before_any_traffic(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it cannot be written there"):
        comparison(None, str(tmp_path / "nowhere" / "b.toml"))


def test_only_a_whole_run_becomes_a_baseline(tmp_path: Path) -> None:
    whole = Run(About("x", "sse", "", "plain", (), 0, "t", ""), (), (), (), 0.0)
    for cut in (replace(whole, stopped="SIGINT"), replace(whole, problem="connection refused")):
        comparison(None, str(tmp_path / "b.toml"))(cut)
        assert not (tmp_path / "b.toml").exists()
    comparison(None, str(tmp_path / "b.toml"))(whole)
    assert read(tmp_path / "b.toml", RULES) == ()
