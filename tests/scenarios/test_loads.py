"""Each load is data that fits together: a role and rules that exist, and the reference has a role for each."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from streamspec.harness import embedded_target
from streamspec.harness.assembly import all_rules
from streamspec.harness.config import roles
from streamspec.harness.core.case import ROLES
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.load import Load
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import OBJECT, Ask, Call, Read
from streamspec.harness.discovery import constants

LOADS = constants("streamspec.scenarios.load", Load)
NAMES = [load.name for load in LOADS]
RULES = {rule.id: rule for rule in all_rules()}


def test_each_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z-]+", name) for name in NAMES)


@pytest.mark.parametrize("load", LOADS, ids=NAMES)
def test_it_promises_rules_that_exist_and_are_about_such_targets(load: Load) -> None:
    assert load.promises
    assert len(set(load.promises)) == len(load.promises)
    in_process = [rule for rule in load.promises if "object" in "|".join(RULES[rule].needs).split("|")]
    assert not load.in_process or len(in_process) == len(load.promises)


@pytest.mark.parametrize("load", LOADS, ids=NAMES)
def test_a_server_is_asked_and_read_and_an_object_is_called(load: Load) -> None:
    if load.role == OBJECT:
        assert all(isinstance(act, Call) for act in load.acts)
        assert "object" in load.needs
        return
    assert load.role in ROLES
    first, second = load.acts[:2]
    assert isinstance(first, Ask)
    assert isinstance(second, Read)
    assert second.budget in BUDGETS_MS


def test_the_embedded_reference_has_every_role_that_is_loaded() -> None:
    made = set(chain.from_iterable(roles(embedded_target.roles(on), Request("http://127.0.0.1:1/")) for on in ("sse",)))
    assert {load.role for load in LOADS if not load.in_process} <= made
