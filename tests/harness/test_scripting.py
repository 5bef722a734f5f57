"""A scripted target in a run: its adapter is asked first, is believed where the user says nothing, and is never an
excuse: what is wrong with it is told in plain words, and of one case at most."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from virtual_target import Answers, Scripted, in_virtual_time, item, sse_head

from streamspec.harness import scripting
from streamspec.harness.assembly import Settings
from streamspec.harness.core.case import Capabilities, Case, Control, Role, Scenario, Tell
from streamspec.harness.core.contract import Features, features_of
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.event import Ended, Opened, Refused
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, budgets
from streamspec.harness.core.plan import Plan
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import SCRIPT, Account, Ask, Read, Script, Session
from streamspec.harness.core.steps import Generate
from streamspec.harness.discovery import all_drivers
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.runner import Bench, execute
from streamspec.harness.engine.telling import accountant
from streamspec.harness.rules.sse import SSE_01

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtual_target import Batch

    from streamspec.harness.core.run import Result

BASE = "http://127.0.0.1:9/s"
FIRST: dict[str, Any] = {
    "contract": 1,
    "streams": {"ndjson": "nd", "sse": "events"},
    "profile": "streamspec",
    "steps": ["generate", "complete"],
    "witness": ["sent", "sending"],
}
OWN = (("Authorization", "Bearer t"),)


def settings(**said: Any) -> Settings:
    return Settings(**{"look": Request(BASE, headers=OWN), "script": BASE, "profile": "", **said})


def target(look: Request, binding: str = "") -> Capabilities:
    return Capabilities(
        binding=binding,
        binding_reason="declared" if binding else "",
        declared_binding=bool(binding),
        profile=Profile("plain", ""),
        look=look,
        roles={},
        control=Control(200, "text/event-stream", items=True, head_ms=1.0),
    )


def bench(answers: Answers, found: Capabilities | None = None) -> tuple[Bench, Scripted]:
    server = Scripted(answers)
    known = found or target(Request(BASE))
    made = Bench(known, server.transport, lambda _: SSE, budgets(1.0), LIMITS, (SSE_01,), "tool", "now", None)
    return made, server


def whole(body: bytes, status: int = 200) -> Sequence[Batch]:
    head = Opened(status, "", "HTTP/1.1", (("Content-Type", "application/json"),))
    return [(1.0, (head, Body(body), Ended("length", len(body))))]


def asked(answers: Answers, **said: Any) -> tuple[Features, Scripted]:
    made, server = bench(answers)
    features = in_virtual_time(scripting.asked_for_features(settings(**said), made))
    assert isinstance(features, Features)
    return features, server


def test_the_adapter_is_asked_once_and_with_what_authorises_us() -> None:
    features, server = asked(lambda *_: whole(json.dumps(FIRST).encode()))
    assert features == features_of(FIRST)
    (request,) = server.asked
    assert (request.method, request.url) == ("GET", f"{BASE}/features")
    assert request.headers == (*OWN, ("Accept", "application/json"), ("Accept-Encoding", "identity"))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (whole(b"", 404), "/s/features answered 404: no adapter answers there"),
        (whole(b"", 401), "/s/features answered 401: it wants credentials, say -H"),
        (whole(b"", 500), "/s/features answered 500"),
        (whole(b"<html>"), "/s/features answered what is no JSON"),
        (whole(b"[1]"), "/s/features: features: an object is needed"),
        (whole(b'{"contract": 2}'), "it speaks version 2 of the contract, and we speak 1"),
        (whole(json.dumps(FIRST | {"steps": [1]}).encode()), "/s/features: features.steps[0]: a name is needed"),
        (
            whole(json.dumps(FIRST | {"profile": "/etc/mine.toml"}).encode()),
            "features.profile: no profile /etc/mine.toml",
        ),
        ([(1.0, (Refused("refused"),))], "/s/features was not answered (refused)"),
        ([], f"/s/features was not answered whole within {BUDGETS_MS['account_ms']:g} ms"),
    ],
)
def test_what_is_wrong_with_an_adapter_is_told_in_plain_words(answer: Sequence[Batch], told: str) -> None:
    with pytest.raises(NoVerdict) as error:
        asked(lambda *_: answer)
    assert told in str(error.value)


def test_a_profile_that_the_user_names_is_never_asked_of_the_adapter() -> None:
    features, _ = asked(lambda *_: whole(json.dumps(FIRST | {"profile": "mine"}).encode()), profile="plain")
    known = scripting.before_the_probe(settings(profile="plain"), target(Request(BASE)), features, all_drivers())
    assert known.profile.name == "plain"


def test_without_a_url_the_adapter_says_what_to_look_at() -> None:
    known = scripting.before_the_probe(settings(), target(Request(BASE)), features_of(FIRST), all_drivers())
    assert (known.binding, known.binding_reason) == ("sse", "as its adapter says")
    assert known.look.url.startswith(f"{BASE}/events?run={{run}}&script=")
    assert known.look.headers == (("Accept", "text/event-stream"), *OWN, ("Accept-Encoding", "identity"))
    assert known.profile.name == "streamspec"
    assert not known.declared_binding  # so its label is judged


def test_a_binding_that_is_asked_for_is_played_or_there_is_no_verdict() -> None:
    asked_for = target(Request(BASE), "ndjson")
    known = scripting.before_the_probe(settings(binding="ndjson"), asked_for, features_of(FIRST), all_drivers())
    assert f"{BASE}/nd?" in known.look.url
    with pytest.raises(NoVerdict, match=r"plays no scripts over json_array \(but over sse, ndjson\)"):
        scripting.before_the_probe(settings(binding="json_array"), asked_for, features_of(FIRST), all_drivers())


def test_a_url_of_the_user_is_looked_at_and_its_binding_played() -> None:
    mine = Request("http://127.0.0.1:9/live", headers=OWN)
    said = settings(look=mine)
    known = scripting.before_the_probe(said, target(mine), features_of(FIRST), all_drivers())
    assert (known.look, known.binding) == (mine, "")
    found = scripting.after_the_probe(said, replace(known, binding="ndjson"), features_of(FIRST), all_drivers())
    assert f"{BASE}/nd?" in found.roles["finite"].request.url
    with pytest.raises(NoVerdict, match="plays no scripts over json_array"):
        scripting.after_the_probe(said, replace(known, binding="json_array"), features_of(FIRST), all_drivers())


def test_what_the_user_declares_himself_is_believed_instead() -> None:
    mine = Role("finite", Request("http://127.0.0.1:9/mine"))
    tell = Tell("produced", Request("http://127.0.0.1:9/stats"), "$.n")
    known = replace(target(Request(BASE), "sse"), roles={"finite": mine}, tells=(tell,))
    found = scripting.after_the_probe(settings(), known, features_of(FIRST), all_drivers())
    assert set(found.roles) == {"finite", "endless", "large", "empty"}
    assert found.roles["finite"] == mine
    mine_too, witness = (t for t in found.tells if t.name == "produced")
    assert mine_too == tell
    assert "{run}" in witness.request.url  # of scripted streams alone
    assert {t.name for t in found.tells} == {"produced", "sent", "sending"}


# -- several workers ---------------------------------------------------------------------------------------------------


def run(witness: int) -> list[Result]:
    """A case that asks a witness, and one that does not."""

    def answers(request: Request, _n: int) -> Sequence[Batch]:
        if "/witness?" in request.url:
            return whole(b'{"sent": 1, "sending": 0}', witness)
        return [(1.0, (sse_head(), item(1)))]

    known = scripting.after_the_probe(settings(), target(Request(BASE), "sse"), features_of(FIRST), all_drivers())
    made, _ = bench(answers, known)
    made = replace(made, told=accountant(None, known.tells, made.transport, LIMITS, BUDGETS_MS))
    asking, reading = (Ask(), Read(items=1, budget="look_ms"), Account()), (Ask(), Read(items=1, budget="look_ms"))
    cases = tuple(
        Case(name, Scenario(name, "", script, ("SSE-01",)), "sse", ("SSE-01",), 0)
        for name, script in (
            ("witnessed", Script((Session("script-1", SCRIPT, asking, steps=(Generate(1),)),))),
            ("read", Script((Session("script-1", SCRIPT, reading, steps=(Generate(1),)),))),
        )
    )
    results: list[Result] = []
    in_virtual_time(execute(Plan(cases, (SSE_01,), ()), made, results, lambda *_: None))
    return results


def test_several_workers_are_an_error_of_that_case_and_never_a_fail() -> None:
    witnessed, read = run(404)
    assert {v.outcome for v in witnessed.verdicts} == {Outcome.ERROR}
    assert "several workers?" in witnessed.verdicts[0].reason
    assert {v.outcome for v in read.verdicts} == {Outcome.PASS}


def test_a_shared_witness_is_none() -> None:
    assert {v.outcome for result in run(200) for v in result.verdicts} == {Outcome.PASS}


def test_a_history_says_what_the_adapter_declares() -> None:
    history = run(200)[1].history
    assert history
    assert history.declared(SCRIPT, "generate") is True
    assert history.header.declared[SCRIPT] == BASE
    assert history.header.requests[SCRIPT].url == f"{BASE}/events?run={{run}}&script={{script}}"
