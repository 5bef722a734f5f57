"""END and EMPTY: what `receive` and `poll` answer when they have no item. Each is the one member of its enum.

Enum members because a type checker narrows `T | End` by `is END`, and because they print and pickle as themselves.
Never here: a third mark, or anything that knows a stream.
"""

from __future__ import annotations

import enum
from typing import Final


class End(enum.Enum):
    """What `receive` answers after the last item, as often as it is asked."""

    END = enum.auto()


class Empty(enum.Enum):
    """What `poll` answers when a receive would wait."""

    EMPTY = enum.auto()


END: Final = End.END
EMPTY: Final = Empty.EMPTY
