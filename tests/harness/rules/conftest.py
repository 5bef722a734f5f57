"""What the tests of single rules share: one rule of the house judges a history, as if its case had promised it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge

RuleOn = Callable[[str, History], Verdict]


@pytest.fixture
def rule_on() -> RuleOn:
    """`rule_on("LC-01", history)` is that rule's verdict, without regard to what other rules found."""
    rules = {rule.id: rule for rule in all_rules()}

    def verdict(name: str, history: History) -> Verdict:
        (found,) = judge(history, [rules[name]], [name])
        return found

    return verdict
