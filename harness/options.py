"""From options and `streamspec.toml` to `Settings`: which target is meant, and what is said of it.

Never here: traffic, printing, what a rule or a role means (`config` reads those words).
"""

from __future__ import annotations

import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from streamspec.harness import assembly, config, target_file
from streamspec.harness.core.case import ROLES
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Request, Transport
from streamspec.harness.core.redaction import BODY, REDACTED
from streamspec.harness.core.script import LOOK
from streamspec.harness.engine.runner import CYCLES
from streamspec.harness.engine.spawn import PORT_WORD as PORT
from streamspec.harness.engine.spawn import free_port
from streamspec.harness.target_file import TargetFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.history import History

_OF_SERVERS: Final = (
    *("roles", "tells", "profile", "binding", "method", "headers", "data", "insecure", "cacert", "spawn", "pid"),
    "config",
)  # and of no object
_OF_A_TARGET: Final = ("roles", "tells", "profile", "binding", "method", "headers", "data", "pid")


def run_settings(url: str, options: Mapping[str, Any]) -> Settings:
    """What `run` is asked for. Raises `UsageError`."""
    if options["object_"]:
        return _object_settings(url, options)
    if options["claims"]:
        raise UsageError("--claim says something of an object, and no --object was given")
    file = _file(url, options)
    url = url or file.url
    spawn = options["spawn"] or file.spawn
    if not url and spawn:
        url = f"http://127.0.0.1:{PORT}/"
    if not url:
        given = [name for name in _OF_A_TARGET if options[name] or (file.place and getattr(file, name, ""))]
        if given:
            raise UsageError(f"--{given[0].removesuffix('s')} says something of a target, and no URL was given")
        return _common(
            options,
            file,
            look=Request(""),
            roles=assembly.EMBEDDED_ROLES,
            binding=assembly.EMBEDDED_BINDING,
            profile=assembly.EMBEDDED_PROFILE,
            tells=assembly.EMBEDDED_TELLS,
        )
    return _server_settings(url, spawn, options, file)


def replay_settings(history: History, url: str, options: Mapping[str, Any]) -> Settings:
    """Play the script of a stored history again, on its own target or on another. Raises `UsageError`, also for secrets
    that were not stored and are not given again."""
    header = history.header
    if header.declared.get("object"):
        raise UsageError("this history is an object's: run it again with --object, --rule and --seed")
    look = header.requests.get(LOOK)
    if look is None:
        raise UsageError("this history does not say what was asked")
    file = TargetFile(
        url=look.url,
        binding=header.binding,
        profile=header.profile,
        method=look.method,
        headers=tuple(f"{name}: {value}" for name, value in look.headers if value != REDACTED),
        roles=tuple(_stored_roles(history)),
        seed=header.seed,
    )
    missing = [name for name, value in look.headers if value == REDACTED]
    given = {word.partition(":")[0].strip().lower() for word in options["headers"]}
    if lacking := [name for name in missing if name.lower() not in given]:
        raise UsageError(f"the value of the header {lacking[0]} was not stored: say it again with -H '{lacking[0]}: …'")
    if look.body == BODY and not options["data"]:
        raise UsageError("the body was not stored: say it again with -d")
    if not url and REDACTED in look.url:
        raise UsageError("the URL has a secret that was not stored: say it again, in full")
    settings = _server_settings(url or look.url, options["spawn"], options, file)
    return replace(settings, replay=history)


def _stored_roles(history: History) -> list[str]:
    """The roles of a stored history as words; attributes are what was declared."""
    words: list[str] = []
    for name, request in history.header.requests.items():
        if name == LOOK:
            continue
        if REDACTED in request.url:
            raise UsageError(f"the URL of the role {name} has a secret that was not stored: it cannot be replayed")
        # Without its origin: the target may be met at another one today.
        parts = urlsplit(request.url)
        words.append(f"{name}={parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")
        kinds = ROLES[name].attributes if name in ROLES else {}
        declared = history.header.declared
        words += [f"{name}.{key}={declared[f'{name}.{key}']}" for key in kinds if f"{name}.{key}" in declared]
    return words


def _server_settings(url: str, spawn: str, options: Mapping[str, Any], file: TargetFile) -> Settings:
    directory = Path(file.place).parent if file.place else Path()
    if PORT in url or PORT in spawn:
        if not spawn:
            raise UsageError(f"target {url}: {PORT} is the port of a target that --spawn starts")
        if PORT not in url:
            raise UsageError(f"--spawn has {PORT}: the URL needs it too, like http://127.0.0.1:{PORT}/events")
        port = str(free_port())
        url, spawn = url.replace(PORT, port), spawn.replace(PORT, port)
    if spawn and options["pid"]:
        raise UsageError("--spawn starts the target and --pid finds one: only one of them can be meant")
    body = _body(options["data"] or file.data, directory)
    headers = target_file.merged(file.headers, tuple(options["headers"]), mark=":")
    look = Request(
        config.target_url(url),
        config.method(options["method"] or file.method or ("POST" if body else "GET")),
        config.headers(headers),
        body,
    )
    profile = options["profile"] or file.profile or "plain"
    if not options["profile"] and profile.endswith(".toml"):
        profile = str(directory / profile)
    return _common(
        options,
        file,
        look=look,
        roles=target_file.merged(file.roles, tuple(options["roles"])),
        tells=target_file.merged(file.tells, tuple(options["tells"])),
        binding=options["binding"] or file.binding,
        profile=profile,
        transport=_tls(url, insecure=options["insecure"], cacert=options["cacert"]),
        spawn=spawn,
        directory=directory,
        pid=options["pid"],
    )


def _common(options: Mapping[str, Any], file: TargetFile, **more: Any) -> Settings:
    """What every run against a server can be told."""
    effort = options["effort"] or file.effort or "quick"
    if effort not in CYCLES:
        raise UsageError(f"{file.place}: run.effort is one of {', '.join(CYCLES)}{config.nearest(effort, CYCLES)}")
    return assembly.Settings(
        rules=tuple(options["rules"]) or file.rules,
        seed=options["seed"] if options["seed"] is not None else file.seed,
        strict=options["strict"] or file.strict,
        store=None if options["no_store"] else options["store"],
        effort=effort,
        **more,
    )


def _file(url: str, options: Mapping[str, Any]) -> TargetFile:
    """The file that was named, or the one that lies here if nothing else says what the target is."""
    if options["config"]:
        return target_file.read(Path(options["config"]))
    here = Path(target_file.NAME)
    if url or options["spawn"] or options["no_config"] or not here.is_file():
        return TargetFile()
    return target_file.read(here)


def _object_settings(url: str, options: Mapping[str, Any]) -> Settings:
    given = [name for name in _OF_SERVERS if options[name]]
    if url or given:
        what = f"--{given[0].removesuffix('s')}" if given else url
        raise UsageError(f"{what}: either a server is judged or an object, and --object was given")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the directory one stands in, as with `python -m`
    return _common(options, TargetFile(), look=Request(""), object=options["object_"], claims=tuple(options["claims"]))


def _body(text: str, directory: Path) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return (directory / text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"-d {text}: {error.strerror}") from error


def _tls(url: str, *, insecure: bool, cacert: str) -> Transport | None:
    """A transport with its own TLS context, when one was asked for."""
    if not (insecure or cacert):
        return None
    if not url.startswith("https:"):
        raise UsageError("-k and --cacert are about https:// targets")
    from streamspec.harness.transports import http1

    try:
        context = ssl.create_default_context(cafile=cacert or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--cacert {cacert}: {error}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http1.transport(context)
