"""The plan: cases in order, promises that can be kept, and SKIP only with the need that is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamspec.harness.core.case import Capabilities, Control, Declared, Role, Scenario, Tell
from streamspec.harness.core.objects import ObjectTarget
from streamspec.harness.core.plan import Skip, plan, unmet
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.core.script import LOOK, OBJECT, SCRIPT, Script, Session

LOOK_REQUEST = Request("http://127.0.0.1:1/")
PLAIN = Profile("plain", "")
MARKED = Profile("marked", "", "json", (Clause((("event", "end"),), "completed"),))


def ruling(name: str, *needs: str, on: tuple[str, ...] = ()) -> Rule:
    return Rule(name, Level.MUST, "", "", "", lambda _: (), (), (), needs=needs, on=on)


def trying(
    name: str, *promises: str, roles: tuple[str, ...] = (LOOK,), needs: tuple[str, ...] = (), order: int = 0
) -> Scenario:
    script = Script(tuple(Session(f"{role}-1", role, ()) for role in roles))
    return Scenario(name, "", script, promises, needs, order=order)


def target_with(
    *roles: tuple[str, dict[str, Declared]], profile: Profile = PLAIN, serial: bool = False, binding: str = "sse"
) -> Capabilities:
    return Capabilities(
        binding=binding,
        binding_reason="",
        declared_binding=False,
        profile=profile,
        look=LOOK_REQUEST,
        roles={name: Role(name, LOOK_REQUEST, attributes) for name, attributes in roles},
        control=Control(200, "text/event-stream", items=True, head_ms=1.0),
        serial=serial,
    )


@pytest.mark.parametrize(
    ("target", "needs"),
    [
        (target_with(), {"wire", "http", "http1", "get", "concurrent"}),
        (target_with(serial=True), {"wire", "http", "http1", "get"}),
        (target_with(profile=MARKED), {"wire", "http", "http1", "get", "concurrent", "terminal", "feature:json-items"}),
        (
            target_with(("finite", {"items": 3, "seq": "$.n"})),
            {"wire", "http", "http1", "get", "concurrent", "role:finite", "role:finite.items", "role:finite.seq"},
        ),
        (
            replace(target_with(), process="spawn", grace_ms=2_000, claims=("http10",)),
            {
                "wire",
                "http",
                "http1",
                "get",
                "concurrent",
                "process",
                "process:spawn",
                "process:grace",
                "feature:http10",
            },
        ),
    ],
)
def test_a_target_meets_what_it_offers(target: Capabilities, needs: set[str]) -> None:
    assert target.needs() == needs


def test_the_counting_field_is_a_roles() -> None:
    target = target_with(("finite", {"seq": "$.n"}), ("endless", {}))
    assert [target.seq(role) for role in ("finite", "endless", "prompt", LOOK)] == ["$.n", "", "", ""]


def test_a_rule_whose_needs_are_met_is_carried() -> None:
    made = plan([trying("a/look", "XX-01")], [ruling("XX-01", "wire")], target_with(), 0)
    assert [(case.id, case.promises, case.binding) for case in made.cases] == [("a/look@sse", ("XX-01",), "sse")]
    assert [rule.id for rule in made.rules] == ["XX-01"]
    assert made.skips == ()


@pytest.mark.parametrize(
    ("rule", "scenario", "missing"),
    [
        (ruling("XX-01", "wire", "terminal"), trying("a", "XX-01"), ("terminal",)),
        (ruling("XX-01", "auth", "terminal"), trying("a", "XX-01"), ("auth", "terminal")),
        (ruling("XX-01"), trying("a", "XX-01", roles=("finite",)), ("role:finite",)),
        (ruling("XX-01", "role:finite"), trying("a", "XX-01", roles=("finite",)), ("role:finite",)),
        (ruling("XX-01", "role:finite.items"), trying("a", "XX-01"), ("role:finite.items",)),
        (ruling("XX-01"), trying("a", "XX-01", needs=("proxy",)), ("proxy",)),
        (ruling("XX-01", on=("ws", "ndjson")), trying("a", "XX-01"), ("binding ws or ndjson",)),
        (ruling("XX-01"), trying("a", "XX-02"), ("a scenario that promises it",)),
        (ruling("XX-01", "seq"), trying("a", "XX-01"), ("seq",)),
    ],
)
def test_a_skip_names_the_missing_need(rule: Rule, scenario: Scenario, missing: tuple[str, ...]) -> None:
    made = plan([scenario], [rule], target_with(), 0)
    assert made.skips == (Skip("XX-01", missing),)
    assert made.cases == ()


@pytest.mark.parametrize(
    ("needs", "met", "missing"),
    [
        (("wire|object",), {"wire"}, ()),
        (("wire|object",), {"object"}, ()),
        (("wire|object", "seq"), {"seq"}, ("wire|object",)),
        (("role:failing|feature:produce", "seq", "seq"), {"object"}, ("role:failing|feature:produce", "seq")),
    ],
)
def test_a_need_may_be_met_in_either_way(needs: tuple[str, ...], met: set[str], missing: tuple[str, ...]) -> None:
    assert unmet(needs, frozenset(met)) == missing


OBJECT_TARGET = ObjectTarget("x:y", "asyncio", frozenset({"complete"}))


def test_an_object_is_played_with_and_a_server_is_asked() -> None:
    rules = [ruling("LC-01", "wire|object"), ruling("SSE-01", "wire"), ruling("BP-01", "object", "feature:capacity")]
    scenarios = [
        trying("x/look", "LC-01", "SSE-01"),
        trying("x/play", "LC-01", "BP-01", roles=(OBJECT,), needs=("object",)),
    ]
    of_object = plan(scenarios, rules, OBJECT_TARGET, 0)
    assert [case.id for case in of_object.cases] == ["x/play@inprocess"]
    assert of_object.skips == (Skip("SSE-01", ("wire",)), Skip("BP-01", ("feature:capacity",)))
    of_server = plan(scenarios, rules, target_with(), 0)
    assert [case.id for case in of_server.cases] == ["x/look@sse"]
    assert of_server.skips == (Skip("BP-01", ("object", "feature:capacity")),)


def test_who_counts_what_others_move_or_may_do_harm_runs_alone() -> None:
    scenarios = [
        trying("a", "XX-01"),
        trying("b", "XX-01", needs=("told:produced",)),
        trying("c", "XX-01", needs=("process:spawn",)),
        replace(trying("d", "XX-01"), exclusive=True),
    ]
    met = replace(target_with(), process="spawn", tells=(Tell("produced", LOOK_REQUEST, "$.n"),))
    assert [case.alone for case in plan(scenarios, [ruling("XX-01")], met, 0).cases] == [False, True, True, True]


def test_who_asks_the_witness_of_a_script_is_moved_by_nobody() -> None:
    own = Script((Session("script-1", SCRIPT, ()), Session("look-1", LOOK, ())))
    scenario = Scenario("a", "", own, ("XX-01",), ("told:sent",))
    assert not scenario.counts
    assert replace(scenario, needs=("told:sent", "process")).counts


def test_on_a_serial_target_every_case_runs_alone() -> None:
    (one,) = plan([trying("a", "XX-01")], [ruling("XX-01")], target_with(serial=True), 0).cases
    assert one.alone


def test_a_spare_scenario_runs_only_where_nobody_else_can_promise_a_rule() -> None:
    scenarios = [replace(trying("a", "XX-01"), spare=True), trying("b", "XX-01", roles=("finite",))]
    assert [c.scenario.id for c in plan(scenarios, [ruling("XX-01")], target_with(), 0).cases] == ["a"]
    able = target_with(("finite", {}))
    assert [c.scenario.id for c in plan(scenarios, [ruling("XX-01")], able, 0).cases] == ["b"]


def test_a_serial_target_has_no_concurrent_case() -> None:
    made = plan([trying("a", "XX-01", needs=("concurrent",))], [ruling("XX-01")], target_with(serial=True), 0)
    assert made.skips == (Skip("XX-01", ("concurrent",)),)


def test_the_way_with_the_fewest_missing_needs_is_named() -> None:
    scenarios = [trying("a", "XX-01", needs=("proxy", "load")), trying("b", "XX-01", needs=("auth",))]
    assert plan(scenarios, [ruling("XX-01")], target_with(), 0).skips == (Skip("XX-01", ("auth",)),)


def test_a_rule_carried_anywhere_is_no_skip() -> None:
    scenarios = [trying("a", "XX-01", roles=("finite",)), trying("b", "XX-01")]
    made = plan(scenarios, [ruling("XX-01")], target_with(), 0)
    assert [case.scenario.id for case in made.cases] == ["b"]
    assert made.skips == ()


def test_a_rule_is_judged_when_its_own_needs_are_met_promised_or_not() -> None:
    rules = [ruling("XX-01"), ruling("XX-02", "auth"), ruling("XX-03"), ruling("XX-04", on=("ws",))]
    made = plan([trying("a", "XX-01", "XX-02", "XX-04")], rules, target_with(), 0)
    assert [rule.id for rule in made.rules] == ["XX-01", "XX-03"]
    assert [skip.rule for skip in made.skips] == ["XX-02", "XX-03", "XX-04"]  # no case promises these
    assert all(skip.missing for skip in made.skips)


def test_seq_is_met_only_where_a_role_of_the_script_counts() -> None:
    rule = ruling("XX-01", "seq")
    counted, uncounted = trying("a", "XX-01", roles=("finite",)), trying("b", "XX-01", roles=("endless",))
    target = target_with(("finite", {"seq": "$.n"}), ("endless", {}))
    made = plan([counted, uncounted], [rule], target, 0)
    assert [case.scenario.id for case in made.cases] == ["a"]


def test_promises_are_filtered_and_keep_the_order_of_the_rules() -> None:
    rules = [ruling("XX-03"), ruling("XX-01"), ruling("XX-02", "auth")]
    made = plan([trying("a", "XX-01", "XX-02", "XX-03")], rules, target_with(), 0)
    assert made.cases[0].promises == ("XX-03", "XX-01")


def test_a_promise_of_an_unknown_rule_makes_no_case() -> None:
    assert plan([trying("a", "XX-99")], [ruling("XX-01")], target_with(), 0).cases == ()


def test_what_may_harm_the_target_comes_last() -> None:
    scenarios = [
        trying("z", "XX-01"),
        trying("b", "XX-01", order=9),
        trying("c", "XX-01", order=2),
        trying("a", "XX-01"),
    ]
    for order in (scenarios, scenarios[::-1]):
        made = plan(order, [ruling("XX-01")], target_with(), 0)
        assert [case.scenario.id for case in made.cases] == ["a", "z", "c", "b"]


def test_a_cases_seed_depends_on_itself_alone() -> None:
    rules = [ruling("XX-01")]
    few = plan([trying("b", "XX-01")], rules, target_with(), 7)
    many = plan([trying(name, "XX-01") for name in "abc"], rules, target_with(), 7)
    seeds = {case.id: case.seed for case in many.cases}
    assert seeds["b@sse"] == few.cases[0].seed
    assert len(set(seeds.values())) == 3
    assert all(0 <= seed < 2**64 for seed in seeds.values())


def test_another_seed_or_binding_is_another_case_seed() -> None:
    def seed_of(seed: int, binding: str) -> int:
        return plan([trying("a", "XX-01")], [ruling("XX-01")], target_with(binding=binding), seed).cases[0].seed

    assert len({seed_of(0, "sse"), seed_of(1, "sse"), seed_of(0, "ws")}) == 3
    assert seed_of(0, "sse") == seed_of(0, "sse")


def test_nothing_to_try_is_an_empty_plan() -> None:
    made = plan([], [ruling("XX-01")], target_with(), 0)
    assert (made.cases, made.skips) == ((), (Skip("XX-01", ("a scenario that promises it",)),))
