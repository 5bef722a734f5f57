"""What a history keeps is asked for by name: two questions of one name would get each other's answer."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

HARNESS: Final = Path(__file__).parents[2] / "harness"
NAMED: Final = re.compile(r'\.kept\(\s*"([^"]+)"')


def test_no_two_questions_to_a_history_have_the_same_name() -> None:
    names = Counter(name for file in HARNESS.rglob("*.py") for name in NAMED.findall(file.read_text()))
    assert len(names) > 4
    assert [name for name, times in names.items() if times > 1] == []
