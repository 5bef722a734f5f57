"""Parts of the report for people, for a door that tells one rule at a time, as pytest does.

The same words as in the report `text`, without colours. Never here: a whole run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Wording
from streamspec.reports._block import block, title, told_in_full
from streamspec.reports._summary import hints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.run import Line


def failure(line: Line) -> str:
    told = told_in_full(line)
    return "\n".join((title(told), *block(told, line)))


def missing(needs: Sequence[str], in_process: bool) -> str:  # noqa: FBT001 -- a wording's shape
    return printable(hints(needs, in_process=in_process))


WORDING = Wording(failure, missing)
