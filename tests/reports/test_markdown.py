"""The report for a pull request: what it says, that it fits, and that no word of a target is read as markup in it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hostile_run import OUTCOMES, history_of, hostile_run, rule, verdict
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Style
from streamspec.harness.core.run import About, Result, Run
from streamspec.reports.markdown import COMMENT_CHARS_MAX, MARKDOWN, render
from streamspec.reports.terminal import TERMINAL

if TYPE_CHECKING:
    from markdown_it.token import Token

GOLDEN = Path(__file__).parents[1] / "golden"
Same = Callable[[Path, str], None]
THEIRS = "zq7"  # stands in every foreign word, and in none of ours
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    """Blocks and what is inside them, as a reader of Markdown finds them."""
    return [inner for token in READER.parse(text) for inner in (token, *(token.children or ()))]


def kinds(text: str) -> set[str]:
    return {token.type for token in tokens(text)}


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows, each as its source."""
    found: list[list[str]] = []
    parsed = READER.parse(text)
    for token, after in pairwise(parsed):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "td_open":
            found[-1].append(after.content)
    return [row for row in found if row]


def blocks(text: str) -> list[str]:
    return [token.content for token in tokens(text) if token.type == "fence"]


# -- to the last character -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixed", "green", "partial", "problem", "crashed"])
def test_a_run_reads_as_the_golden_file(request: pytest.FixtureRequest, same: Same, name: str) -> None:
    text = render(request.getfixturevalue(f"{name}_run"), Style())
    # of a traceback, which names places of this machine, the first and the last line
    same(GOLDEN / f"markdown-{name}.md", re.sub(r"(?m)(^  \| Traceback.*\n)(?:  \|  .*\n)+", r"\1  | …\n", text))


def test_a_style_changes_nothing(mixed_run: Run) -> None:
    assert render(mixed_run, Style(colour=True, unicode=False)) == render(mixed_run, Style())


# -- what it says ----------------------------------------------------------------------------------------------------


def test_its_heading_names_the_target_and_counts_every_outcome(mixed_run: Run) -> None:
    (heading,) = [token for token in READER.parse(render(mixed_run, Style())) if token.type == "inline"][:1]
    assert heading.content == "`http://127.0.0.1:1/`: 1 fail, 1 warn, 1 inconclusive, 1 pass, 1 skip"


def test_its_table_has_every_rule_that_is_neither_passed_nor_skipped_the_worst_first(mixed_run: Run) -> None:
    assert rows(render(mixed_run, Style())) == [
        ["FAIL", "`XX-01`", "Nothing follows the end.", "`a/one@sse`, `a/two@sse`"],
        ["WARN", "`XX-02`", "Answers are fresh.", "`a/one@sse`"],
        ["INCONCLUSIVE", "`XX-03`", "Nothing is lost.", "`a/one@sse`: `finite was not seen whole`"],
    ]
    backwards = replace(mixed_run, rules=mixed_run.rules[::-1])
    assert [row[0] for row in rows(render(backwards, Style()))] == ["FAIL", "WARN", "INCONCLUSIVE"]


def test_what_is_not_in_the_table_is_counted(mixed_run: Run) -> None:
    assert "\nNot listed: 1 pass, 1 skip.\n" in render(mixed_run, Style())


def test_each_failure_and_warning_is_told_as_the_terminal_tells_it(mixed_run: Run) -> None:
    people = TERMINAL.render(mixed_run, Style())
    told = blocks(render(mixed_run, Style()))
    assert [block.partition("\n")[0] for block in told] == [
        "FAIL  XX-01  MUST  a/one@sse",
        "WARN  XX-02  SHOULD  a/one@sse",
    ]
    for block in told:
        title, _, body = block.partition("\n")
        assert f"── {title} ──\n{body}" in people


def test_what_is_told_in_full_is_folded_away(mixed_run: Run) -> None:
    text = render(mixed_run, Style())
    assert text.count("<details>\n<summary>") == text.count("\n</details>\n") == 2
    assert "<summary>FAIL <code>XX-01</code> MUST, <code>a/one@sse</code></summary>" in text


def test_a_crash_of_ours_is_told_too(crashed_run: Run) -> None:
    (told,) = blocks(render(crashed_run, Style()))
    assert "ZeroDivisionError: a bug of ours" in told


def test_it_says_what_to_add_in_the_terminals_words(mixed_run: Run) -> None:
    text = render(mixed_run, Style())
    people = TERMINAL.render(mixed_run, Style()).partition("to see more, add:\n")[2]
    for line in people.splitlines():
        words, _, waiting = line.strip().partition("   -> ")
        assert f"\n- `{words}` for `{waiting}`\n" in text


def test_a_green_run_has_no_table_and_nothing_to_unfold(green_run: Run) -> None:
    text = render(green_run, Style())
    assert rows(text) == []
    assert blocks(text) == []
    assert text.startswith("## `http://127.0.0.1:1/`: 1 pass\n")


def test_a_problem_is_told_and_nothing_is_called_a_success(problem_run: Run) -> None:
    text = render(problem_run, Style())
    assert text.startswith("## `http://127.0.0.1:1/`: no rule was judged (no verdict)\n")
    assert "\n**No verdict:** `http://127.0.0.1:1/: connection refused`\n" in text
    assert "pass" not in text.lower()


def test_a_partial_run_says_so_and_first_of_all(partial_run: Run) -> None:
    text = render(partial_run, Style())
    assert text.startswith("## `http://127.0.0.1:1/`: 1 pass (partial)\n")
    assert "\n**Partial:** stopped by `SIGINT`.\n" in text


def test_it_says_what_a_person_should_know_of_the_run(mixed_run: Run) -> None:
    about = replace(mixed_run.about, notes=("two survived",), serial=True, process="spawn", effort="soak")
    text = render(replace(mixed_run, about=about), Style())
    assert "\n- `two survived`\n" in text
    assert ", one stream at a time, profile `streamspec`, process by `spawn`, effort `soak`, in 1.3 s\n" in text


def test_a_run_without_a_target_has_a_heading_all_the_same(green_run: Run) -> None:
    text = render(replace(green_run, about=replace(green_run.about, target="")), Style())
    assert text.startswith("## streamspec: 1 pass\n")


def test_of_many_cases_three_are_named(mixed_run: Run) -> None:
    failing = mixed_run.results[1]
    run = replace(mixed_run, results=tuple(replace(failing, case=f"c{n}") for n in range(5)))
    assert rows(render(run, Style()))[0][3] == "`c0`, `c1`, `c2` and 2 more"


# -- it fits ---------------------------------------------------------------------------------------------------------


def big_run(n: int, text: str) -> Run:
    """`n` rules of each outcome, each of its own case, and a need for each."""
    calm = history_of(text)
    kept = [(k, OUTCOMES[k % len(OUTCOMES)]) for k in range(n * len(OUTCOMES))]
    results = tuple(Result(f"case {k} {text}", (), (verdict(k, outcome, text, calm),), calm) for k, outcome in kept)
    rules = tuple(rule(k, outcome) for k, outcome in kept)
    skips = tuple(Skip(f"YY-{k}", (f"{text}{k}",)) for k in range(n))
    return replace(hostile_run(text), rules=rules, results=results, skips=skips)


@pytest.mark.parametrize("text", ["x", "x" * 300, "`" * 5_000, "<&>" * 2_000])
def test_the_largest_run_fits_into_one_comment(text: str) -> None:
    run = big_run(100, text)
    run = replace(
        run, about=replace(run.about, roles=((text, text),) * 100, notes=(text,) * 100), stopped=text, problem=text
    )
    assert len(render(run, Style())) <= COMMENT_CHARS_MAX


def test_what_has_no_room_is_counted_and_the_worst_is_told_first() -> None:
    text = render(big_run(30, "x" * 100), Style())
    told = [block.partition(" ")[0] for block in blocks(text)]
    assert told[0] == "FAIL"
    assert told == sorted(told, key=[outcome.value for outcome in Outcome].index)
    (left,) = re.findall(r"\nThe comment has no room for ([0-9]+) more: see the reports `text` and `json`\.\n", text)
    assert len(told) + int(left) == 3 * 30
    assert len(rows(text)) == 4 * 30


def test_rows_without_room_are_counted_and_the_worst_stay() -> None:
    text = render(big_run(300, "x" * 100), Style())
    shown = [row[0] for row in rows(text)]
    assert set(shown) == {"FAIL"}
    (left,) = re.findall(r"\nThe table has no room for ([0-9]+) more\.\n", text)
    assert len(shown) + int(left) == 4 * 300


# -- words of a target are words -------------------------------------------------------------------------------------

# Every kind of token that a report of ours is made of. No link, image, emphasis of theirs, heading or list within.
OURS = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "code_inline", "fence"),
    *("table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close"),
    *("th_open", "th_close", "td_open", "td_close", "html_block", "strong_open", "strong_close", "softbreak"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
}
OUR_HTML = re.compile(
    r"<details>\n<summary>(FAIL|ERROR|WARN) <code>XX-0[0-9]</code> (MUST|SHOULD), <code>[^<>]*</code></summary>\n?"
    r"|</details>\n?"
)


def bare(text: str) -> Iterator[str]:
    """Words that stand in no code: those in which a reader sees mentions, links, emoji or numbers of issues."""
    for token in tokens(text):
        if token.type == "text":
            yield token.content
        elif token.type == "html_block":
            yield html.unescape(re.sub(r"<code>[^<>]*</code>", "", token.content))


def assert_inert(text: str) -> None:
    assert kinds(text) <= OURS
    assert all(OUR_HTML.fullmatch(token.content) for token in tokens(text) if token.type == "html_block")
    assert [words for words in bare(text) if THEIRS in words] == []
    assert [row[:2] for row in rows(text)] == [
        ["FAIL", "`XX-00`"],
        ["ERROR", "`XX-03`"],
        ["WARN", "`XX-01`"],
        ["INCONCLUSIVE", "`XX-02`"],
    ]
    assert all(len(row) == 4 and row[3].endswith("`") for row in rows(text))  # readers drop what is beyond the fourth
    assert len(blocks(text)) == 3


def everywhere(text: str) -> Run:
    return replace(hostile_run(text), stopped=text, problem=text)


@pytest.mark.parametrize(
    "text",
    [
        "plain zq7",
        "a|zq7|b",
        "a\\|zq7",
        "a\\\\|zq7\\",
        "`zq7`",
        "``zq7` ",
        "zq7```\n",
        "`" * 100 + "zq7",
        "zq7" + "`" * 300,
        "<script>alert('zq7')</script>",
        "</code></summary></details><img src=zq7>",
        "<!-- zq7",
        "@zq7name and @org/zq7",
        "zq7#1 GH-1 #1 !1 zq7/x@" + "0" * 40,
        "[zq7](http://zq7.example)",
        "](http://zq7.example) zq7",
        "![zq7](http://zq7.example/x.png)",
        "[zq7]: http://zq7.example",
        "http://zq7.example www.zq7.example zq7@example.org",
        ":zq7: :tada:",
        "**zq7** _zq7_ ~~zq7~~ $zq7$",
        "\n\n# zq7\n\n* * *\n",
        "zq7&lt;&#96;&vert;",
        "  zq7  ",
        "\x1b[31m\u202ezq7\u2028\ud800",
        "[^zq7] - [ ] zq7",
    ],
)
def test_a_hostile_word_is_no_markup(text: str) -> None:
    assert_inert(render(everywhere(text), Style()))


# Mostly what means something to a reader of Markdown, in any order.
MARKS = st.text(
    st.one_of(st.sampled_from("`|\\<>[]()!*_~#@:&$\n- =a"), st.characters(exclude_categories=[])), max_size=30
)


@given(MARKS, MARKS)
def test_no_word_is_markup(before: str, after: str) -> None:
    assert_inert(render(everywhere(f"{before}{THEIRS}{after}"), Style()))


def test_a_fence_is_longer_than_any_run_of_backticks_in_it() -> None:
    text = render(hostile_run("`" * 9), Style())
    assert f"\n{'`' * 10}text\n" in text
    assert len(blocks(text)) == 3


def test_an_empty_word_breaks_nothing() -> None:
    text = render(everywhere(""), Style())
    assert kinds(text) <= OURS
    assert len(rows(text)) == 4


def test_no_word_of_ours_is_markup_either(mixed_run: Run) -> None:
    odd = replace(mixed_run.rules[0], sentence="A *b* _c_ `d` <e> [f](g) h|i ~~j~~ \\ & $k$.")
    (row, *_) = rows(render(replace(mixed_run, rules=(odd, *mixed_run.rules[1:])), Style()))
    shown = [token for token in READER.parseInline(row[2])[0].children or () if token.type != "text_special"]
    assert {token.type for token in shown} == {"text"}
    assert "".join(token.content for token in shown) == odd.sentence


def test_every_about_of_a_run_can_be_foreign() -> None:
    """A field that `About` gains is one that `hostile_run` makes hostile, if it holds words."""
    about = hostile_run(THEIRS).about
    words = {name for name in About.__slots__ if THEIRS in str(getattr(about, name))}
    assert words == set(About.__slots__) - {"seed", "serial", "calibration", "strict"}


def test_an_outcome_that_is_no_failure_is_not_told_in_full(mixed_run: Run) -> None:
    silent = replace(mixed_run, results=tuple(replace(r, verdicts=r.verdicts[2:]) for r in mixed_run.results))
    text = render(silent, Style())
    assert [row[0] for row in rows(text)] == [Outcome.INCONCLUSIVE]
    assert blocks(text) == []


def test_it_is_the_report_called_markdown() -> None:
    assert (MARKDOWN.name, MARKDOWN.render) == ("markdown", render)
