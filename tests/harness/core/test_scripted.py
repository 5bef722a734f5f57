"""A scripted target's roles and figures, derived from what its adapter declares, and no more than that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from streamspec.harness.core.asking import RUN, SCRIPTED_OCTETS_MAX, request_of
from streamspec.harness.core.case import ROLES, Capabilities, Control, Scenario
from streamspec.harness.core.contract import OPTIONS, WITNESS, Features
from streamspec.harness.core.ports import Carrier, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import LOOK, SCRIPT, Ask, Script, Session
from streamspec.harness.core.scripted import Scripted, gate_request, of_run
from streamspec.harness.core.steps import STEPS, Complete, Gate, Generate, Send

BASE = "http://127.0.0.1:8000/streamspec"
STREAMS = {"sse": "s/sse", "ndjson": "s/nd"}
ALL = Features(STREAMS, "plain", frozenset(STEPS), frozenset(OPTIONS), WITNESS, {"resume": "at-least-once"})
SEND = (("Accept", "text/event-stream"), ("Authorization", "Bearer t"))


def scripted(features: Features = ALL, binding: str = "sse") -> Scripted:
    return Scripted(BASE, features, binding, (("Authorization", "Bearer t"),), SEND)


def with_steps(*names: str, **declares: str | int | bool) -> Scripted:
    return scripted(replace(ALL, steps=frozenset(names), options=frozenset(), declares=declares))


def script_of(request: Request, session: Session | None = None) -> dict[str, Any]:
    """What a server makes of the request that is sent."""
    session = session or Session("large-1", "large", (Ask(),))
    sent = request_of(request, Ask(), session, 4_000, run="a-7")
    query = parse_qs(urlsplit(sent.url).query, strict_parsing=True)
    assert query["run"] == ["a-7"]
    assert sent.url.isascii()
    assert len(sent.url) <= SCRIPTED_OCTETS_MAX
    found = json.loads(query["script"][0])
    assert isinstance(found, dict)
    return found


def test_an_adapter_that_can_do_everything_plays_every_role_that_a_script_can_play() -> None:
    assert set(scripted().roles()) == {
        *("finite", "endless", "failing", "prompt", "large", "idle", "empty", "text", "resumable"),
    }


def test_what_is_declared_of_a_role_is_what_a_user_could_have_declared() -> None:
    for name, role in scripted().roles().items():
        assert set(role.attributes) <= set(ROLES[name].attributes)


def test_a_finite_role_says_how_many_items_it_has() -> None:
    role = scripted().roles()["finite"]
    assert role.request.url.startswith(f"{BASE}/s/sse?run={RUN}&script=")
    assert role.request.headers == SEND
    assert script_of(role.request) == {"steps": [{"do": "generate", "n": 25}, {"do": "complete"}]}
    assert role.attributes == {"items": 25, "seq": "$.n"}


def test_a_failing_and_a_prompt_role_say_when() -> None:
    roles = scripted().roles()
    failing, prompt = script_of(roles["failing"].request)["steps"], script_of(roles["prompt"].request)["steps"]
    assert failing[0] == {"do": "generate", "n": roles["failing"].attributes["items_before"]}
    assert (failing[1]["do"], failing[1]["code"]) == ("fail", "INTERNAL")
    assert [step["do"] for step in prompt] == ["generate", "wait", "generate", "complete"]
    assert prompt[1]["ms"] == roles["prompt"].attributes["gap_ms"] == 150


def test_the_number_of_a_large_role_s_items_is_that_of_the_session() -> None:
    role = scripted().roles()["large"]
    assert role.request.url.count("{n}") == 1
    session = Session("large-1", "large", (Ask(),), options={"backlog_mib": 32})
    script = script_of(role.request, session)
    assert script["steps"][0] == {"do": "generate", "n": 8_389, "bytes": role.attributes["item_bytes"]}


def test_an_idle_role_waits_for_a_gate_that_nobody_opens_and_beats_where_it_can() -> None:
    idle = scripted().roles()["idle"]
    script = script_of(idle.request)
    assert script["steps"][1] == {"do": "gate", "name": "shut"}
    assert script["heartbeat_ms"] == idle.attributes["heartbeat_ms"]
    quiet = scripted(replace(ALL, options=frozenset())).roles()["idle"]
    assert quiet.attributes == {}
    assert "heartbeat_ms" not in script_of(quiet.request)


def test_the_texts_that_are_sent_are_those_that_are_declared() -> None:
    role = scripted().roles()["text"]
    sent = [item["text"] for item in script_of(role.request)["steps"][0]["items"]]
    assert sent == json.loads(str(role.attributes["items"]))
    assert role.attributes["field"] == "$.text"


def test_a_resumable_role_is_declared_and_is_of_event_streams() -> None:
    assert scripted().roles()["resumable"].attributes == {"guarantee": "at-least-once", "seq": "$.n"}
    promises: dict[str, str | int | bool] = {"resume": "exactly-once", "isolated": True, "signals_unknown": True}
    said = {"guarantee": "exactly-once", "isolated": "yes", "signals_unknown": "yes", "seq": "$.n"}
    assert scripted(replace(ALL, declares=promises)).roles()["resumable"].attributes == said
    assert "resumable" not in scripted(binding="ndjson").roles()
    assert "resumable" not in scripted(replace(ALL, declares={})).roles()


@pytest.mark.parametrize(
    ("steps", "roles"),
    [
        ((), set()),
        (("generate",), {"endless", "large"}),
        (("generate", "complete"), {"finite", "endless", "large", "empty"}),
        (("generate", "fail"), {"endless", "large", "failing"}),
        (("generate", "wait"), {"endless", "large", "prompt"}),
        (("generate", "gate"), {"endless", "large", "idle"}),
        (("send",), {"text"}),
        (("complete",), {"empty"}),
    ],
)
def test_a_role_is_played_only_with_steps_that_are_declared(steps: tuple[str, ...], roles: set[str]) -> None:
    assert set(with_steps(*steps).roles()) == roles


def test_a_stream_that_has_to_be_ended_and_cannot_be_is_not_asked_for() -> None:
    found = with_steps("send", "generate", "wait", explicit_end=True, resume="exactly-once").roles()
    assert set(found) == {"endless"}


def test_each_figure_is_told_of_its_own_stream() -> None:
    tells = {tell.name: tell for tell in scripted().tells()}
    assert set(tells) == {*WITNESS, "produced", "cancelled", "ended"}
    assert {tell.per for tell in tells.values()} == {"stream"}
    (request,) = {tell.request for tell in tells.values()}
    assert request.url == f"{BASE}/witness?run={RUN}"
    assert request.headers == (("Authorization", "Bearer t"),)
    assert (tells["produced"].field, tells["produced"].plus) == ("$.sent", "$.sending")
    assert (tells["ended"].field, tells["ended"].word) == ("$.state", "ended")
    assert {name for name, tell in tells.items() if tell.optional} == {
        *("offered", "cancel_code", "send_code", "remaining_ms", "buffered"),
    }


def test_no_figure_is_told_that_is_not_declared() -> None:
    assert [tell.name for tell in scripted(replace(ALL, witness=("sent",))).tells()] == ["sent"]
    assert scripted(replace(ALL, witness=())).tells() == ()


def test_a_session_s_own_script_is_asked_for_with_its_options() -> None:
    steps = (Send(('{"n":1.0e2,"t":"a&b=c №"}',)), Gate("a"), Generate(2, every_ms=3), Complete())
    session = Session("script-1", SCRIPT, (Ask(),), steps=steps, options={"deadline_ms": 250})
    script = script_of(scripted().request, session)
    assert script == {
        "steps": [
            {"do": "send", "items": [{"n": 100.0, "t": "a&b=c №"}]},
            {"do": "gate", "name": "a"},
            {"do": "generate", "n": 2, "every_ms": 3},
            {"do": "complete"},
        ],
        "deadline_ms": 250,
    }


def test_a_look_is_a_short_stream() -> None:
    assert script_of(scripted().look)["steps"] == [{"do": "generate", "n": 30, "every_ms": 4}, {"do": "complete"}]


def test_a_gate_is_opened_by_its_name_and_run() -> None:
    request = gate_request(BASE, SEND, "r1", "a b")
    assert (request.method, request.url) == ("POST", f"{BASE}/gate?run=r1&name=a%20b")


def test_a_request_without_a_place_for_a_run_is_as_it_was() -> None:
    assert of_run(Request("http://x/stats"), "r1") == Request("http://x/stats")


def target(found: Scripted | None) -> Capabilities:
    return Capabilities(
        binding="sse",
        binding_reason="",
        declared_binding=False,
        profile=Profile("plain", ""),
        look=Request(BASE),
        roles={},
        control=Control(200, "text/event-stream", items=True, head_ms=1.0),
        scripted=found,
    )


def test_a_target_meets_what_its_adapter_declares() -> None:
    assert {"script", "feature:gate", "feature:resume=at-least-once"} <= target(scripted()).needs()
    assert "script" not in target(None).needs()


@pytest.mark.parametrize(("binding", "carrier", "declared"), [("tcp", "framed", True), ("sse", "http", False)])
def test_a_fin_is_a_half_close_over_tcp_alone(binding: str, carrier: Carrier, declared: bool) -> None:  # noqa: FBT001
    features = replace(ALL, streams={"tcp": ":9", "sse": "sse"}, declares={"fin_half_closes": True})
    there = replace(target(scripted(features, binding)), carrier=carrier)
    assert there.fin_half_closes is declared
    assert ("feature:fin_half_closes" in there.needs()) is declared
    assert not replace(there, scripted=None).fin_half_closes


def test_items_of_a_script_are_counted_where_there_is_an_adapter() -> None:
    assert (target(scripted()).seq(SCRIPT), target(None).seq(SCRIPT)) == ("$.n", "")


def test_a_scenario_needs_every_step_and_option_of_its_scripts() -> None:
    one = Session("script-1", SCRIPT, (Ask(),), steps=(Generate(3), Gate("a"), Generate(1)), options={"idle_ms": 5})
    two = Session("script-2", SCRIPT, (Ask(),), steps=(Gate("b"),))
    large = Session("large-1", "large", (Ask(),), options={"backlog_mib": 1})
    scenario = Scenario("x", "", Script((Session("look-1", LOOK, ()), one, two, large)), (), ("told:sent",))
    assert scenario.all_needs() == (
        *("told:sent", "role:large", "script", "feature:generate", "feature:gate", "feature:idle_ms"),
    )


def test_a_history_says_where_the_adapter_is_and_what_it_can_do() -> None:
    facts = scripted().facts()
    assert facts[SCRIPT] == BASE
    assert facts["script.gate"] is True
    assert facts["declares.resume"] == "at-least-once"
