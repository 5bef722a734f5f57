"""The toxic that does nothing; Toxiproxy takes it, too.

Never here: a fault.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.toxic import Through, Toxic

NOOP: Final = Toxic("noop", "everything passes as it is", lambda _values, _chance, _before: Through())
