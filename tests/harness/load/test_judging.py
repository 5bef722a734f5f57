"""One stream, judged: what is kept of it, and what is never blamed on a target."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.event import Event, Refused
from streamspec.harness.core.written import ASK, ENDED, EOF, RESET, head, item, told, written
from streamspec.harness.load.judging import judged
from streamspec.harness.rules.ordering import OI_01, OI_03
from streamspec.scenarios.load.finite import FINITE

if TYPE_CHECKING:
    from streamspec.harness.core.history import History


def kept(*events: Event) -> list[str]:
    found: list[str] = []

    def keep(why: str, history: History) -> None:
        assert history.records
        found.append(why)

    judged(written(*told("finite-1", *events)), (OI_01, OI_03), FINITE, 0, keep)
    return found


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((ASK, head(), item(0), item(1), ENDED, EOF), [""]),
        ((ASK, head(), item(0), RESET), ["reset"]),
        ((ASK, head(), item(0, 2), item(1, 1), item(2, 1), ENDED, EOF), ["OI-01", "OI-03"]),
        ((ASK, Refused("refused", "Connection refused")), ["not answered: refused"]),
    ],
)
def test_each_broken_rule_is_evidence_else_the_kind_of_stream(events: tuple[Event, ...], why: list[str]) -> None:
    assert kept(*events) == why


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EADDRNOTAVAIL])
def test_what_we_ran_out_of_is_no_failure_of_the_target(number: int) -> None:
    with pytest.raises(RuntimeError, match="we ran out"):
        kept(ASK, Refused("unreachable", os.strerror(number)))
