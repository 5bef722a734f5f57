"""A survey as a `streamspec.toml` that `streamspec run` reads: what is sure of every gRPC server as roles, and the rest
as lines for a person to finish.

Pure: text out. Never here: what the file's words mean (`target_file`, `config`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import ROLES
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.survey.showing import chosen_of, kind_shown, types_of, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.survey.found import Listed, Survey

PROFILE: Final = "grpc-octets"
EMPTY: Final = " "  # no octets at all: an empty message, and not no message
USUAL_URL: Final = "grpc://127.0.0.1:50051"  # of examples all over gRPC, where sources do not say another
HEALTH: Final = "grpc.health.v1.Health/Watch"
REFLECTIONS: Final = tuple(f"grpc.reflection.{v}.ServerReflection/ServerReflectionInfo" for v in ("v1", "v1alpha"))
LIST_SERVICES: Final = "3a00"  # field 7 of a reflection request, an empty text: which services are there
METHODS_MAX: Final = 300  # that are written down; a file is read up to a size
_SIDES: Final = {
    "server": "we send one request",
    "client": "we send one item and half-close: what comes back is one answer",
    "bidi": "we send one item and half-close",
    "unknown": "its kind is not known",
}
_CHOICES: Final = ("finite", "endless", "failing", "prompt", "idle", "empty")
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*")


def text(survey: Survey, url: str = "") -> str:
    """The file; `url` is that of a server which was asked, empty for sources. Raises `UsageError` where nothing can be
    called: no method, or none whose service is known."""
    callable_ = [one for one in chosen_of(survey, unary=False) if _PATH.fullmatch(one.full_name)]
    if not callable_:
        raise UsageError(f"{printable(survey.source)}: no streaming method was found that a target file could name")
    return "\n".join([*_head(survey, callable_, url), *_known(survey, callable_), *_rest(callable_)]) + "\n"


def _head(survey: Survey, methods: Sequence[Listed], url: str) -> Iterator[str]:
    look = _look(methods)
    yield f"# Written by `streamspec discover` of {printable(survey.source)}. Finish it, then judge the server with"
    yield "#   streamspec run --config THIS_FILE"
    yield "# What the words mean is said in docs/targets.md."
    yield ""
    yield "[target]"
    if not url:
        yield "# Sources do not say where they are served: put your server's address here, or let a run start it, with"
        yield '# spawn = "COMMAND {port}" and {port} in the place of 50051.'
    if look.full_name in REFLECTIONS:
        yield "# A look asks which services there are, which changes nothing."
    elif look.full_name == HEALTH:
        yield "# A look calls health's Watch, which changes nothing."
    else:
        yield f"# A look calls this method ({look.kind}) with an empty message, many times in a run. Where that does"
        yield "# harm, choose another; `data` is what it is asked with."
        if not look.exact:
            yield "# Go code does not say its package: where it has one, write it ahead of the service."
    yield f'url = "{url or USUAL_URL}/{look.full_name}"'
    yield 'binding = "grpc"'
    yield f'profile = "{PROFILE}"  # messages in hexadecimal digits: 0805 is field 1, the number 5'
    yield f'data = "{_data(look)}"'


def _look(methods: Sequence[Listed]) -> Listed:
    """What harms least to be called: reflection, which also ends, health, then what answers a single request."""
    ranks = (*REFLECTIONS, HEALTH)
    kinds = ("server", "bidi", "client", "unknown", "unary")

    def rank(one: Listed) -> tuple[int, bool, int]:
        name = one.full_name
        return ranks.index(name) if name in ranks else len(ranks), not one.exact, kinds.index(one.kind)

    return min(methods, key=rank)


def _data(one: Listed) -> str:
    return LIST_SERVICES if one.full_name in REFLECTIONS else EMPTY


def _known(survey: Survey, methods: Sequence[Listed]) -> Iterator[str]:
    """Roles that no person has to say: what every server of gRPC does, and what health and reflection are."""
    names = {one.full_name for one in methods}
    service = _look(methods).service
    taken = {one.name for one in survey.methods if one.service == service}
    unknown = next(name for name in _unknown_names() if name not in taken)
    yield ""
    yield "[target.roles]"
    yield f'unknown = {{ path = "/{service}/{unknown}", data = "{EMPTY}" }}  # no method of this name: UNIMPLEMENTED'
    if HEALTH in names:
        yield f'idle = {{ path = "/{HEALTH}", data = "{EMPTY}" }}  # its status, then nothing while that stays'
    for name in REFLECTIONS:
        if name in names:
            yield f'finite = {{ path = "/{name}", data = "{LIST_SERVICES}", items = 1 }}  # one answer for one question'
            break


def _unknown_names() -> Iterator[str]:
    yield "NoSuchMethod"
    n = 2
    while True:
        yield f"NoSuchMethod{n}"
        n += 1


def _rest(methods: Sequence[Listed]) -> Iterator[str]:
    """Every other method with what is known of it, as a line that waits for its role."""
    others = [one for one in methods if one.full_name not in {HEALTH, *REFLECTIONS}]
    if not others:
        return
    yield ""
    yield "# What these methods do nobody can see from outside. Where one does what a role says, take away its mark,"
    yield "# put the role in the place of ROLE, and what it is asked with into data: digits, or a blank for an empty"
    yield "# message. A role stands once: one of yours takes the place of one above."
    for name in _CHOICES:
        attributes = ", ".join(ROLES[name].attributes)
        yield f"#   {name:<8} {ROLES[name].sentence}{f' ({attributes})' if attributes else ''}"
    for one in others[:METHODS_MAX]:
        types = types_of(one)
        yield ""
        about = f"{kind_shown(one)}{f', {types}' if types else ''} ({where(one.methods[0].place)})"
        yield f"# {about}: {_SIDES[one.kind]}{'' if one.exact else '; write its package ahead of the service'}"
        yield f'# ROLE = {{ path = "/{one.full_name}", data = "{EMPTY}" }}'
    if len(others) > METHODS_MAX:
        yield ""
        yield f"# and {len(others) - METHODS_MAX} more, which `streamspec discover` lists"
