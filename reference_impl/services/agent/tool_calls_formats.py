"""The formats in which models call tools, by name, in the order in which a text of unknown origin is read.

Never here: a format.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.agent import tool_calls_function, tool_calls_json, tool_calls_xml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.services.agent.tool_calls import Format

# The marker that nothing else looks like comes first.
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {made.name: made for made in (tool_calls_xml.FORMAT, tool_calls_json.FORMAT, tool_calls_function.FORMAT)}
)
