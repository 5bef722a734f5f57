"""SSE-09 and SSE-10 are no rules of their own (decision 13): under the profile `raffel` the rules about endings say
both, one octet transcript a way to break them. The transcripts are what Raffel's code writes, and what it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from virtual_target import Scripted, in_virtual_time

from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.event import Closed, Ended, Opened
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.run import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtual_target import Batch

SAID_BY: Final = ("LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04")
HEAD: Final = Opened(200, "OK", "HTTP/1.1", (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")))
START: Final = "event: message\ndata: null\n\n"
ITEMS: Final = 'event: data\ndata: {"n":1}\n\nevent: data\ndata: {"n":2}\n\n'
END: Final = "event: end\ndata: null\n\n"
ERROR: Final = 'event: error\ndata: {"code":"STREAM_ERROR","status":500,"message":"boom"}\n\n'


def outcomes(finite: str, failing: str, profile: str = "raffel") -> dict[str, Outcome]:
    """What a server gets that answers so: its octets, then a whole message."""

    def answers(request: Request, _n: int) -> Sequence[Batch]:
        octets = failing if request.url.endswith("failing") else finite
        return [(1.0, (HEAD,)), (1.0, (Body(octets.encode()), Ended("chunked", len(octets)), Closed("eof")))]

    settings = Settings(
        look=Request("http://127.0.0.1:1/finite"),
        roles=("finite=/finite", "finite.items=2", "failing=/failing", "failing.items_before=2"),
        profile=profile,
        binding="sse",
        rules=SAID_BY,
        transport=Scripted(answers).transport,
    )
    run = in_virtual_time(run_target(settings, lambda *_: None))
    assert run.problem == ""
    return {line.rule.id: line.outcome for line in lines(run)}


def failed(finite: str, failing: str, profile: str = "raffel") -> set[str]:
    return {rule for rule, outcome in outcomes(finite, failing, profile).items() if outcome is Outcome.FAIL}


@pytest.mark.parametrize("profile", ["raffel", "raffel-docs"])
def test_what_its_code_writes_is_green(profile: str) -> None:
    start = START if profile == "raffel" else ""
    said = outcomes(start + ITEMS + END, start + ITEMS + ERROR, profile)
    assert set(said.values()) == {Outcome.PASS}
    assert set(said) == set(SAID_BY)


def test_what_its_documents_show_is_green_under_their_own_profile() -> None:
    items = 'data: {"n":1}\n\ndata: {"n":2}\n\n'
    said = outcomes(items + "event: end\ndata: {}\n\n", items + ERROR, "raffel-docs")
    assert set(said.values()) == {Outcome.PASS}


@pytest.mark.parametrize(
    ("ending", "rule"),
    [
        ("", "LC-14"),
        (END + END, "LC-01"),
        (END + 'event: data\ndata: {"n":3}\n\n', "LC-02"),
        ("event: done\ndata: null\n\n", "LC-14"),
        (END + ERROR, "LC-01"),
    ],
    ids=["no end", "two ends", "an item behind it", "by another name", "an error behind it"],
)
def test_what_sse_09_says_is_said_by_the_rules_about_endings(ending: str, rule: str) -> None:
    assert rule in failed(START + ITEMS + ending, START + ITEMS + ERROR)


@pytest.mark.parametrize(
    ("ending", "rule"),
    [
        (ERROR + END, "LC-01"),
        ('event: error\ndata: {"message":"boom"}\n\n', "ER-01"),
        (END, "LC-07"),
        ("", "LC-07"),
    ],
    ids=["an end behind it", "no code", "an end instead", "neither"],
)
def test_what_sse_10_says_is_said_by_the_rules_about_failures(ending: str, rule: str) -> None:
    assert rule in failed(START + ITEMS + END, START + ITEMS + ending)
