"""A run of the embedded reference: how often each of its servers may be started."""

from __future__ import annotations

import pytest

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings
from streamspec.harness.core.ports import Request
from streamspec.harness.embedded_run import declared


@pytest.mark.parametrize("binding", embedded_target.BINDINGS)
@pytest.mark.parametrize(("said", "meant"), [(0, embedded_target.INSTANCES), (1, 1), (5, 5)])
def test_the_number_of_instances_is_obeyed_where_somebody_said_one(binding: str, said: int, meant: int) -> None:
    assert declared(Settings(Request(""), instances=said), binding).instances == meant
