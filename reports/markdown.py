"""The report for a pull request or a job summary: GitHub-flavoured Markdown that fits into one comment.

Words of a target, and of a stored run that may be somebody else's, stand in code spans and fenced blocks only: no
markup, link, mention or emoji is read in those. Never HTML of theirs, and never a word of theirs bare.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import Line, Run, counts, lines
from streamspec.reports._block import block, in_full, mark, reason, title, told_in_full
from streamspec.reports._summary import rows, tally, to_add

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMENT_CHARS_MAX: Final = 60_000  # GitHub takes 65,536 in a comment; a workflow may add words of its own
ROWS_CHARS_MAX: Final = 24_000  # of these for the table
WANTED_CHARS_MAX: Final = 8_000  # and for what to add
ROLES_CHARS_MAX: Final = 2_000  # and for the roles
NOTES_CHARS_MAX: Final = 2_000  # and for the notes, and for what was crossed
SECTIONS_CHARS_MAX: Final = 6_000  # and for what was counted and measured
LIST_CHARS_MAX: Final = 600  # of one list of rules
WORDS_CHARS_MAX: Final = 200  # of any other word outside a block
CASES_MAX: Final = 3  # named in one row
_UNLISTED: Final = (Outcome.PASS, Outcome.SKIP)
_WORST_FIRST: Final = tuple(Outcome)
_BACKTICKS: Final = re.compile("`+")
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&|~$]")
_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}


def render(run: Run, style: Style) -> str:  # noqa: ARG001 -- a renderer's shape
    listed = [line for line in lines(run) if line.outcome not in _UNLISTED]
    listed.sort(key=lambda line: (bool(line.known), _WORST_FIRST.index(line.outcome)))
    parts = [*_head(run), *_table(listed), *_sections(run)]
    foot = list(_foot(run))
    room = COMMENT_CHARS_MAX - sum(len(part) + 2 for part in (*parts, *foot))
    parts += _details([line for line in listed if in_full(line)], room)
    return "\n\n".join((*parts, *foot)) + "\n"


def _head(run: Run) -> Iterator[str]:
    about = run.about
    whole = "" if not (run.stopped or run.problem) else " (no verdict)" if run.problem else " (partial)"
    yield f"## {_code(about.target) if about.target else 'streamspec'}: {tally(run)}{whole}"
    facts = [_code(about.tool)]
    if about.binding:
        facts.append(f"binding {_code(about.binding)} ({_code(about.binding_reason)})")
        facts += ["one stream at a time"] if about.serial else []
        facts.append(f"profile {_code(about.profile)}")
    if about.process:
        facts.append(f"process by {_code(about.process)}")
    facts.append(f"effort {_code(about.effort)}")
    yield f"{', '.join(facts)}, in {run.duration_s:.1f} s"
    roles, more = _fitting((_code(f"{name}={url}") for name, url in about.roles), ROLES_CHARS_MAX)
    if roles:
        yield f"roles {', '.join(roles)}{f' and {more} more' if more else ''}"
    notes, more = _fitting((f"- {_code(note)}" for note in about.notes), NOTES_CHARS_MAX)
    if notes:
        yield "\n".join(notes) + (f"\n- and {more} more" if more else "")
    if run.stopped:
        yield f"**Partial:** stopped by {_code(run.stopped)}."
    if run.problem:
        yield f"**No verdict:** {_code(run.problem)}"
    crossed, more = _fitting((f"- **fails:** {_code(words)}" for words in run.crossed), NOTES_CHARS_MAX)
    if crossed:
        yield "\n".join(crossed) + (f"\n- and {more} more" if more else "")


def _table(listed: list[Line]) -> Iterator[str]:
    rows, more = _fitting((_row(line) for line in listed), ROWS_CHARS_MAX)
    if rows:
        yield "\n".join(("| outcome | rule | sentence | where |", "|---|---|---|---|", *rows))
    if more:
        yield f"The table has no room for {more} more."


def _row(line: Line) -> str:
    cases = [_code(result.case) for result, _ in line.told[:CASES_MAX]]
    where = ", ".join(cases)
    if len(line.told) > CASES_MAX:
        where += f" and {len(line.told) - CASES_MAX} more"
    if line.known or line.outcome is Outcome.INCONCLUSIVE:
        where += f": {_code(reason(line))}"
    return f"| {mark(line)} | `{line.rule.id}` | {_text(line.rule.sentence)} | {_unsplit(where)} |"


def _sections(run: Run) -> Iterator[str]:
    room_chars = SECTIONS_CHARS_MAX
    for section in run.sections:
        told, more = _fitting((f"| {_cell(what)} | {_cell(value)} |" for what, value in rows(section)), room_chars)
        room_chars -= sum(len(row) + 2 for row in told)
        yield "\n".join((f"| {_text(section.title)} | |", "|---|---|", *told))
        if more:
            yield f"The table has no room for {more} more."


def _details(told: list[Line], room_chars: int) -> Iterator[str]:
    """Each failure in full, the worst first, as far as one comment has room."""
    last = "The comment has no room for {} more: see the reports `text` and `json`."
    parts, more = _fitting((_detail(line) for line in told), room_chars - len(last) - 20)
    yield from parts
    if more:
        yield last.format(more)


def _detail(line: Line) -> str:
    told = told_in_full(line)
    text = "\n".join((title(told), *block(told, line)))
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    case = html.escape(_short(told.case))
    summary = f"{told.outcome} <code>{html.escape(told.rule)}</code> {told.level}, <code>{case}</code>"
    return f"<details>\n<summary>{summary}</summary>\n\n{fence}text\n{text}\n{fence}\n\n</details>"


def _foot(run: Run) -> Iterator[str]:
    found = counts(run)
    if unlisted := [f"{found[outcome]} {outcome.value.lower()}" for outcome in _UNLISTED if found[outcome]]:
        yield f"Not listed: {', '.join(unlisted)}."
    if run.about.place:
        yield f"Stored in {_code(run.about.place)}."
    wanted, more = _fitting((f"- {_code(w)} for {_code(r, LIST_CHARS_MAX)}" for w, r in to_add(run)), WANTED_CHARS_MAX)
    if wanted:
        yield "To see more, add:"
        yield "\n".join(wanted) + (f"\n- and {more} more" if more else "")


def _fitting(parts: Iterable[str], room_chars: int) -> tuple[list[str], int]:
    """The parts that fit one after another, each with its separator, and how many did not."""
    kept: list[str] = []
    more = 0
    for part in parts:
        if len(part) + 2 <= room_chars:
            kept.append(part)
            room_chars -= len(part) + 2
        else:
            more += 1
    return kept, more


def _code(words: str, chars_max: int = WORDS_CHARS_MAX) -> str:
    """Foreign words as a code span. A backtick of theirs is an escape: some renderers do not read long runs of them."""
    shown = _short(words, chars_max).replace("`", "\\x60")
    return f"`{shown or ' '}`"


def _cell(words: str) -> str:
    return _unsplit(_code(words))


def _unsplit(cell: str) -> str:
    """A row is split at a `|`, even inside a code span; an escape of ours depends on nobody's rules for backslashes."""
    return cell.replace("|", "\\x7c")


def _short(words: str, chars_max: int = WORDS_CHARS_MAX) -> str:
    shown = printable(words)
    return shown if len(shown) <= chars_max else f"{shown[: chars_max - 1]}…"


def _text(words: str) -> str:
    """Words of our own rules, bare: what would be markup is escaped."""
    return _MARKUP.sub(lambda mark: _ENTITIES.get(mark[0], f"\\{mark[0]}"), words)


MARKDOWN = Renderer("markdown", "for a pull request or a job summary: GitHub-flavoured Markdown", render)
