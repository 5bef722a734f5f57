"""The job of a load engine, as data that crosses processes: what to open, how to read it, by which rules to judge it.

Written by `loading`, read by `load_child`. Never here: traffic. It holds the secrets with which a target is asked: it
goes over pipes and through files of our own alone.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- typed.build reads our hints at run time
from dataclasses import asdict, dataclass, field
from typing import Any

from streamspec.harness.core.load import Wanted  # noqa: TC001 -- typed.build reads our hints at run time
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Profile  # noqa: TC001 -- likewise
from streamspec.harness.core.typed import build


@dataclass(frozen=True, slots=True)
class Job:
    """`load` is the name of the `Load` constant, `request` how its role is asked, `attributes` what was declared of it.
    With an `object` (`package.module:factory`, found along `paths`) streams of a process are loaded, and nothing of a
    server counts. `budgets` are in milliseconds."""

    wanted: Wanted
    load: str
    binding: str
    rules: tuple[str, ...]
    budgets: Mapping[str, float]
    tool: str
    started: str
    request: Request
    look: Request
    profile: Profile
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    closes: bool = False
    declared_binding: bool = False
    auth: str = ""
    insecure: bool = False
    cacert: str = ""
    object: str = ""
    claims: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


_REQUESTS = ("request", "look")


def job_to_json(job: Job) -> dict[str, Any]:
    data = asdict(job)
    for name in _REQUESTS:
        data[name]["body"] = data[name]["body"].decode("latin-1")
    return data


def job_from_json(data: Any) -> Job:
    """The inverse of `job_to_json`. Raises `ValueError` or `TypeError` for anything else."""
    if not isinstance(data, dict):
        raise TypeError("a job is an object")
    try:
        request, look = (_request(data[name]) for name in _REQUESTS)
    except (KeyError, AttributeError, UnicodeError) as error:
        raise ValueError(f"no job: {type(error).__name__} {error}") from error
    rest = {name: value for name, value in data.items() if name not in _REQUESTS}
    return build(Job, rest, request=request, look=look)


def _request(data: dict[str, Any]) -> Request:
    return build(Request, {k: v for k, v in data.items() if k != "body"}, body=data["body"].encode("latin-1"))
