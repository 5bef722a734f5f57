"""Sources of stream objects that several commands are tried on. Texts, to be written into a module of a test's own."""

from __future__ import annotations

from typing import Final

GREEDY: Final = """
import asyncio
from collections import deque

class Stream:
    \"\"\"It never makes a sender wait.\"\"\"
    def __init__(self, capacity=4):
        self.capacity, self._items, self._news = capacity, deque(), asyncio.Event()
    async def send(self, item):
        self._items.append(item)
        self._news.set()
    async def receive(self):
        while not self._items:
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()
"""
