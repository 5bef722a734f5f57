"""How a variant of the reference is judged over HTTP, with its roles and what it tells, for every matrix: as the
embedded reference is. Never here: a test, or what it means that a variant is killed."""

from __future__ import annotations

import re
from typing import Final

from applying import CREDENTIALS, OTHERS

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, all_rules
from streamspec.harness.core.contract import FEATURES, WITNESS
from streamspec.harness.core.ports import Request
from streamspec.harness.engine.free_port import free_port

GUIDE: Final = "guide"  # NDJSON in the dialect of seed 003
# Where a declaration allows what the variant does: an empty line may be a heartbeat; and where a script says more.
UNSAID: Final = {"ND-13": "idle", "AU-05": "resumable"}
# Only a server that plays our scripts is judged by rules with such needs.
SCRIPTED: Final = frozenset({"script", *FEATURES, *(f"told:{name}" for name in WITNESS)})
STRANGERS: Final = frozenset({"AU-01", "AU-03", "AU-05"})  # rules about targets that ask for credentials
NEEDS: Final = {rule.id: rule.needs for rule in all_rules()}


def plays_scripts(kills: str) -> bool:
    return kills == "AU-05" or any(word in SCRIPTED for need in NEEDS[kills] for word in need.split("|"))


def wants_a_process(kills: str) -> bool:
    return "process" in " ".join(NEEDS[kills])


def spawned_at(url: str) -> tuple[str, str]:
    """The command that starts a reference of one's own, and the same URL there."""
    port = free_port()
    return embedded_target.SERVER.format(port=port), re.sub(r":\d+/", f":{port}/", url, count=1)


def settings_of(url: str, on: str, kills: str = "", unsaid: str = "", *, spawned: bool = False) -> Settings:
    """Everything, or the cases that promise one rule; a rule about a process gets one of its own. A role that is
    `unsaid` is played by scripts."""
    binding = "ndjson" if on == GUIDE else on
    said = [word for word in embedded_target.roles(binding) if not word.startswith(unsaid or UNSAID.get(kills, "-"))]
    if on == GUIDE:
        said = [word.replace("finite?n=25", "finite?n=25&errors=10") for word in said]
    spawn = ""
    if spawned or (kills and wants_a_process(kills)):
        spawn, url = spawned_at(url)
    guarded = kills in STRANGERS
    return Settings(
        look=Request(
            url + (f"{on}/" if on == GUIDE else embedded_target.path(on)),
            headers=CREDENTIALS if guarded else (),
        ),
        auth="bearer" if guarded else "",
        other=OTHERS if guarded else (),
        roles=tuple(said),
        tells=() if kills == "BP-06" else embedded_target.TELLS,  # where items are counted, BP-05 speaks first
        binding=binding,
        profile=GUIDE if on == GUIDE else embedded_target.PROFILE,
        rules=(kills,) if kills else (),
        spawn=spawn,
        grace_ms=embedded_target.GRACE_MS if spawn else 0,
        claims=embedded_target.CLAIMS,
        script=f"{url}script" if kills and (unsaid or plays_scripts(kills)) else "",
    )
