"""A server run against silence, over real sockets and with short budgets: what is heard, and when nobody listens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from silent_server import listening

from streamspec.harness import serving
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.limits import budgets
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import lines

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.core.run import Run

ROLES: Final = ("finite=/finite", "finite.seq=$.n", "endless=/endless", "empty=/empty", "idle=/idle")
SHORT_MS: Final = {"look_ms": 800, "patience_ms": 1_200, "once_more_ms": 200, "item_ms": 300, "finite_ms": 900}


def judged(replay: History | None = None) -> Run:
    async def main() -> Run:
        async with await listening(0, "hushed") as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            said = Settings(Request(url), roles=ROLES, rules=("LC-08", "OI-01"), replay=replay)
            return await run_target(said, lambda *_: None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "budgets", lambda factor: budgets(factor) | SHORT_MS)
        return asyncio.run(main())


@pytest.fixture(scope="module")
def hushed() -> Run:
    return judged()


def failed(run: Run) -> set[str]:
    return {line.rule.id for line in lines(run) if line.outcome in {"FAIL", "WARN", "ERROR"}}


def test_a_hushed_server_is_heard_once_and_fails_by_what_stays_open(hushed: Run) -> None:
    assert [result.case for result in hushed.results][:2] == ["probe@sse", "hearing@sse"]
    assert failed(hushed) == {"LC-08"}
    notes = {result.case: result.note for result in hushed.results}
    assert notes["conformance/finite@sse"] == "finite sent no item in 1.2 s and more: it was asked no more"


def test_what_is_played_again_is_played_and_not_listened_for(hushed: Run) -> None:
    stored = next(r.history for r in hushed.results if r.case == "conformance/empty@sse")
    run = judged(stored)
    assert [result.case for result in run.results] == ["probe@sse", "conformance/empty@sse"]
    assert failed(run) == {"LC-08"}
