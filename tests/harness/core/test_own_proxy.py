"""Standing condition 1, of our own proxy: what it ends or loses is never held against a target."""

from __future__ import annotations

import json

import pytest

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Deviation, Did, Event, Expired, Refused
from streamspec.harness.core.script import Heal, Poison, Script, Session, script_from_json, script_to_json
from streamspec.harness.core.written import ASK, EOF, RESET, head, item, told, written


@pytest.mark.parametrize("act", ["cut:cut_at", "cut:limit_data", "cut:down", "lost:timeout"])
@pytest.mark.parametrize("end", [EOF, RESET, Expired("item_ms", 5_000), Deviation("chunk.no-last", 20), Completed()])
def test_what_comes_after_it_is_not_the_targets(act: str, end: Event) -> None:
    h = written(*told("finite-1", ASK, head(), item(0), Did(act), end))
    assert standing.theirs(h, type(end), "finite-1") == ()
    assert standing.cut(h, "finite-1") is None
    assert standing.reset(h, "finite-1") is None
    assert standing.expired(h, "finite-1") == ()
    assert len(standing.items(h, "finite-1")) == 1


@pytest.mark.parametrize("act", ["poison:latency latency=40", "poison:limit_data bytes=9", "heal"])
def test_what_is_put_on_the_way_excuses_nothing_by_itself(act: str) -> None:
    h = written(*told("finite-1", ASK, head(), item(0), Did(act), EOF))
    assert standing.cut(h, "finite-1")


def test_a_refusal_by_our_proxy_is_told_as_such() -> None:
    h = written(*told("look-1", ASK, Did("cut:down"), Refused("refused")))
    assert standing.theirs(h, (Refused, Closed), "look-1") == ()


def test_acts_on_the_way_are_kept_in_a_file() -> None:
    acts = (
        Poison("latency", {"latency": 40}, stream="upstream", beside=True),
        Poison("cut_at", share=(5, 20)),
        Heal(measure=True),
    )
    script = Script((Session("look-1", "look", acts),))
    assert script_from_json(json.loads(json.dumps(script_to_json(script)))) == script
