"""Ours alone: the connection is torn by RST, on both sides, right behind an exact octet of this direction.

The offset counts raw octets as they pass (of an HTTP answer: from its status line on), since the toxic is there. Never
here: HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import Attribute, Toxic
from streamspec.harness.toxics.limit_data import Limited, passed_by

if TYPE_CHECKING:
    from streamspec.harness.core.toxic import Chance, Flow, Values


def _flow(values: Values, _chance: Chance, before: Flow | None) -> Flow:
    return Limited(values.get("bytes", 0), passed_by(before), reset=True)


CUT_AT: Final = Toxic(
    "cut_at",
    "so many bytes of a connection pass, then both of its sides are reset",
    _flow,
    {"bytes": Attribute("octets")},
    cuts=True,
    ours=True,
)
