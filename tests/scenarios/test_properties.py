"""What is drawn is legal and bounded, whatever chance says: nobody waits for what cannot come, and every stream is left
or ends."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.case import Capabilities, Control, Role, Scenario
from streamspec.harness.core.contract import OPTIONS, WITNESS, Features
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.objects import FEATURES, ObjectTarget
from streamspec.harness.core.plan import unmet
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.property import was_drawn
from streamspec.harness.core.script import (
    SCRIPT,
    Ask,
    Await,
    Call,
    Cancel,
    Open,
    Pass,
    Read,
    Session,
    Settle,
    Watch,
    script_from_json,
    script_to_json,
)
from streamspec.harness.core.scripted import Scripted
from streamspec.harness.core.steps import STEPS, Abandon, Gate, Generate, Refuse, Send, Wait, names_of
from streamspec.harness.fuzzing import all_properties
from streamspec.scenarios.properties.objects import CALLS, QUEUES
from streamspec.scenarios.properties.roles import BUDGETS, ROLES
from streamspec.scenarios.properties.scripts import SCRIPTS, never_ends

if TYPE_CHECKING:
    from streamspec.harness.core.property import Property

EXAMPLES: Final = 12
LOOK: Final = Request("http://127.0.0.1:1/")
ADAPTER: Final = Features(
    streams=MappingProxyType({"sse": "sse"}),
    steps=frozenset(STEPS),
    options=frozenset(OPTIONS),
    witness=WITNESS,
    declares=MappingProxyType({"explicit_end": True}),
)
RETURNS: Final = Features(streams=MappingProxyType({"sse": "sse"}), steps=frozenset({"generate", "send"}))


def awaited(*features: str) -> ObjectTarget:
    return ObjectTarget("x:y", "asyncio", frozenset(features))


def server(features: Features | None = None, *, serial: bool = False) -> Capabilities:
    return Capabilities(
        binding="sse",
        binding_reason="",
        declared_binding=True,
        profile=Profile("plain", ""),
        look=LOOK,
        roles={name: Role(name, LOOK) for name, _, _ in BUDGETS} if features is None else {},
        control=Control(200, "", items=True, head_ms=1.0),
        serial=serial,
        scripted=Scripted("http://127.0.0.1:1", features, "sse", (), ()) if features else None,
    )


def for_all(prop: Property, target: Any, *claims: Any) -> None:
    """Draw, and let each claim look at each scenario."""

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(prop.draw(target))
    def drawn(scenario: Scenario) -> None:
        assert was_drawn(scenario.id)
        assert scenario.promises == ()
        assert script_from_json(json.loads(json.dumps(script_to_json(scenario.script)))) == scenario.script
        for claim in claims:
            for session in scenario.script.sessions:
                claim(session)

    drawn()


def calls_what_there_is(features: frozenset[str]) -> Any:
    needs = {
        **{name: name for name in ("complete", "error", "cancel", "pause", "iterate", "produce", "feed")},
        "resume": "pause",
        "drop": "abandon",
        "listen": "listeners",
    }

    def claim(session: Session) -> None:
        ops = {act.op for act in session.acts if isinstance(act, Call)}
        assert {needs[op] for op in ops if op in needs} <= features
        if "concurrent-senders" not in features:
            assert len({act.by for act in session.acts if isinstance(act, Call) and act.op == "send"}) <= 1
        assert isinstance(session.acts[-1], Settle)

    return claim


@pytest.mark.parametrize("prop", [CALLS, QUEUES], ids=lambda prop: prop.name)
@pytest.mark.parametrize("features", [frozenset(FEATURES), frozenset({"capacity"})], ids=["all", "few"])
def test_an_object_is_called_as_it_can_be(prop: Property, features: frozenset[str]) -> None:
    for_all(prop, awaited(*features), calls_what_there_is(features))


@pytest.mark.parametrize("prop", [CALLS, QUEUES], ids=lambda prop: prop.name)
def test_threads_are_not_waited_for_often(prop: Property) -> None:
    def claim(session: Session) -> None:
        waits = [act for act in session.acts if isinstance(act, (Settle, Pass))]
        assert len(waits) <= 4 + 3 + 3  # drawn, one behind each send that fills the stream, and at the end
        assert sum(act.ms for act in session.acts if isinstance(act, Pass)) <= 4 * 200

    for_all(prop, ObjectTarget("x:y", "threads", frozenset(FEATURES) - {"abandon"}), claim)


def asks_once_and_bounded(session: Session) -> None:
    assert isinstance(session.acts[1 if isinstance(session.acts[0], Await) else 0], Ask)
    assert sum(isinstance(act, Ask) for act in session.acts) == 1
    assert all(act.budget in BUDGETS_MS for act in session.acts if isinstance(act, (Read, Watch)))
    assert sum(act.ms for act in session.acts if isinstance(act, Pass)) <= 2_000
    assert not any(act for act in session.acts[:-1] if isinstance(act, Cancel)) or session.role == SCRIPT


def leaves_what_never_ends(session: Session) -> None:
    endless = session.role in {"endless", "idle"} or never_ends(session.steps, session.options)
    assert not (endless and any(isinstance(act, Read) and not act.items for act in session.acts))


def test_roles_are_read_as_far_as_they_go() -> None:
    for_all(ROLES, server(), asks_once_and_bounded, leaves_what_never_ends)


def test_only_one_stream_at_a_time_is_open_where_the_target_serves_no_more() -> None:
    def claim(session: Session) -> None:
        assert session.beside == ""

    for_all(ROLES, server(serial=True), claim)
    for_all(SCRIPTS, server(ADAPTER, serial=True), claim)


def plays_what_is_offered(features: Features) -> Any:
    def claim(session: Session) -> None:
        assert set(names_of(session.steps)) <= features.steps
        assert set(session.options) <= features.options
        assert all(isinstance(step, Refuse) is (step is session.steps[0] and len(session.steps) == 1)
                   or not isinstance(step, Refuse) for step in session.steps)  # fmt: skip
        assert sum(step.ms for step in session.steps if isinstance(step, Wait)) <= 400
        assert not (Abandon() in session.steps and not features.declares.get("explicit_end"))

    return claim


def opens_its_gate_in_time(session: Session) -> None:
    if not any(isinstance(step, Gate) for step in session.steps):
        return
    at = next(n for n, act in enumerate(session.acts) if isinstance(act, Open))
    before = sum(act.items for act in session.acts[:at] if isinstance(act, Read))
    place = next(n for n, step in enumerate(session.steps) if isinstance(step, Gate))
    sent = sum(len(s.items) if isinstance(s, Send) else s.n if isinstance(s, Generate) else 0
               for s in session.steps[:place])  # fmt: skip
    assert before <= sent


@pytest.mark.parametrize("features", [ADAPTER, RETURNS], ids=["all", "few"])
def test_a_script_asks_for_what_is_offered_and_nobody_waits_in_vain(features: Features) -> None:
    claims = (asks_once_and_bounded, leaves_what_never_ends, plays_what_is_offered(features), opens_its_gate_in_time)
    for_all(SCRIPTS, server(features), *claims)


def test_each_property_says_for_which_targets_it_is() -> None:
    fits = {
        prop.name: [
            not unmet(prop.needs, target.needs())
            for target in (awaited("capacity"), awaited(), server(), server(ADAPTER))
        ]
        for prop in all_properties()
    }
    assert fits == {
        "object-calls": [True, True, False, False],
        "object-queues": [True, False, False, False],
        "roles": [False, False, True, False],
        "scripts": [False, False, False, True],
    }


def test_what_a_script_asks_for_fits_into_a_url() -> None:
    from streamspec.harness.core.asking import SCRIPTED_OCTETS_MAX, quoted_script
    from streamspec.harness.core.steps import text_of

    def claim(session: Session) -> None:
        assert len(quoted_script(text_of(session.steps, session.options))) < SCRIPTED_OCTETS_MAX - 500

    for_all(SCRIPTS, server(ADAPTER), claim)


def test_sessions_are_named_once() -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(st.one_of(ROLES.draw(server()), SCRIPTS.draw(server(ADAPTER))))
    def drawn(scenario: Scenario) -> None:
        names = [session.id for session in scenario.script.sessions]
        assert len(names) == len(set(names))
        assert {session.beside for session in scenario.script.sessions} <= {"", names[0]}

    drawn()
