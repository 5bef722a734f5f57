"""From options and `streamspec.toml` to `Settings`: which target is meant, and what is said of it.

Never here: traffic, printing, what a rule or a role means (`config` reads those words).
"""

from __future__ import annotations

import ssl
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from streamspec.harness import assembly, config, target_file
from streamspec.harness.core.asking import has_run
from streamspec.harness.core.case import ROLES
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.objects import CLAIMS
from streamspec.harness.core.ports import Request, Transport
from streamspec.harness.core.quoting import quoted, shown
from streamspec.harness.core.redaction import BODY, REDACTED
from streamspec.harness.core.script import LOOK, SCRIPT, Ask, Poison
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.engine.runner import CYCLES
from streamspec.harness.engine.spawn import PORT_WORD as PORT
from streamspec.harness.target_file import TargetFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.history import History

_OF_SERVERS: Final = (
    *("roles", "tells", "profile", "binding", "method", "headers", "data", "insecure", "cacert", "spawn", "pid"),
    *("grace_ms", "script", "auth", "other_credentials", "http2"),
)  # and of no object
_OF_A_TARGET: Final = (
    *("roles", "tells", "profile", "method", "headers", "data", "pid"),
    *("grace_ms", "claims", "auth", "other_credentials"),
)
GRACE_MS_MAX: Final = 600_000
# The options of a door that has none of its own: what is said stands in a file.
UNSAID: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **dict.fromkeys(("profile", "binding", "script", "spawn", "auth", "method", "data", "cacert", "config"), ""),
        **dict.fromkeys(("object_", "effort", "baseline", "other_credentials"), ""),
        **dict.fromkeys(("roles", "tells", "claims", "headers", "rules"), ()),
        **dict.fromkeys(("insecure", "no_config", "strict", "no_store", "http2"), False),
        **dict.fromkeys(("grace_ms", "pid"), 0),
        "seed": None,
        "store": None,
        "instances": 1,
    }
)


def run_settings(url: str, options: Mapping[str, Any]) -> Settings:
    """What `run` is asked for. Raises `UsageError`."""
    if options["object_"] and options["config"]:
        raise UsageError("--object and --config both say what is judged: only one of them can be meant")
    file = TargetFile() if options["object_"] else _file(url, options)
    if options["object_"] or file.object:
        return _object_settings(url, options, file)
    spawn = options["spawn"] or file.spawn
    url, script = _where(url or file.url, spawn, options["script"] or file.script)
    if not url:
        given = [name for name in _OF_A_TARGET if options.get(name) or (file.place and getattr(file, name, ""))]
        if given:
            raise UsageError(f"{_option(given[0])} says something of a target, and no URL was given")
        return _common(options, file, look=Request(""), binding=options["binding"] or file.binding)
    return _server_settings(url, spawn, script, options, file)


def _where(url: str, spawn: str, script: str) -> tuple[str, str]:
    """What is looked at, and the base URL of the adapter; both are the latter where it alone is said."""
    there = url
    if not url and spawn and "://" not in script:
        there = f"http://127.0.0.1:{PORT}/"
    if not script:
        return there, ""
    base = urljoin(there, script).rstrip("/")
    return url or base, base


def _option(name: str) -> str:
    """How a person writes it."""
    return f"--{name.replace('_', '-')}" if "_" in name else f"--{name.removesuffix('s')}"


def replay_settings(history: History, url: str, options: Mapping[str, Any]) -> Settings:
    """Play the script of a stored history again, on its own target or on another. Raises `UsageError`, also for secrets
    that were not stored and are not given again."""
    header = history.header
    if header.declared.get("object") or options.get("object_"):
        return _replayed_object(history, url, options)
    if any(isinstance(act, Poison) for session in header.script.sessions for act in session.acts):
        raise UsageError("a proxy cut these streams: run `streamspec fault` again, with the same --toxic and --seed")
    look = header.requests.get(LOOK)
    if look is None:
        raise UsageError("this history does not say what was asked")
    script = _stored_script(history, url, options["script"])
    if script and has_run(look):
        look, url = replace(look, url=script), script
    file = TargetFile(
        url=look.url,
        binding=header.binding,
        profile=header.profile,
        method=look.method,
        headers=tuple(f"{name}: {value}" for name, value in look.headers if value != REDACTED),
        roles=tuple(_stored_roles(history)),
        auth=str(header.declared.get("auth", "")) if look.url != script else "",
        seed=header.seed,
    )
    missing = [name for name, value in look.headers if value == REDACTED]
    given = {word.partition(":")[0].strip().lower() for word in options["headers"]}
    if lacking := [name for name in missing if name.lower() not in given]:
        raise UsageError(f"the value of the header {lacking[0]} was not stored: say it again with -H '{lacking[0]}: …'")
    asks = (act for s in header.script.sessions for act in s.acts if isinstance(act, Ask))
    if any(ask.credentials == "other" for ask in asks) and not options.get("other_credentials"):
        raise UsageError("credentials of another client were not stored: say them again, with --other-credentials")
    if look.body == BODY and not options["data"]:
        raise UsageError("the body was not stored: say it again with -d")
    if not url and REDACTED in look.url:
        raise UsageError("the URL has a secret that was not stored: say it again, in full")
    settings = _server_settings(url or look.url, options["spawn"], script, options, file)
    return replace(settings, replay=history)


def _replayed_object(history: History, url: str, options: Mapping[str, Any]) -> Settings:
    """The object that the history names, or another. Its claims are those that were made then."""
    declared = history.header.declared
    if not declared.get("object"):
        raise UsageError("--object: this history is a server's")
    claims = tuple(claim for claim in CLAIMS if declared.get(f"feature.{claim}") is True)
    said = {"config": "", **options, "object_": options.get("object_") or str(declared["object"])}
    settings = _object_settings(url, said, TargetFile(claims=claims, seed=history.header.seed))
    return replace(settings, replay=history)


def _stored_script(history: History, url: str, word: str) -> str:
    """The base URL of the adapter of a stored history, on the server that is meant today; empty when it had none."""
    base = history.header.declared.get(SCRIPT)
    if not isinstance(base, str):
        return ""
    return urljoin(url or base, word or (urlsplit(base).path if url else base)).rstrip("/")


def _stored_roles(history: History) -> list[str]:
    """The roles of a stored history as words; attributes are what was declared."""
    words: list[str] = []
    derived = f"{history.header.declared.get(SCRIPT, '')}/"  # from what the adapter can do, as it will be again
    for name, request in history.header.requests.items():
        if name in {LOOK, SCRIPT} or (len(derived) > 1 and request.url.startswith(derived)):
            continue
        if REDACTED in request.url:
            why = "has a secret that was not stored: it cannot be replayed"
            raise UsageError(f"the URL of the role {quoted(name)} {why}")
        # Without its origin: the target may be met at another one today.
        parts = urlsplit(request.url)
        words.append(f"{name}={parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")
        kinds = ROLES[name].attributes if name in ROLES else {}
        declared = history.header.declared
        words += [f"{name}.{key}={declared[f'{name}.{key}']}" for key in kinds if f"{name}.{key}" in declared]
    return words


def _server_settings(url: str, spawn: str, script: str, options: Mapping[str, Any], file: TargetFile) -> Settings:
    directory = Path(file.place).parent if file.place else Path()
    if PORT in url or PORT in spawn:
        if not spawn:
            raise UsageError(f"target {shown(url)}: {PORT} is the port of a target that --spawn starts")
        if PORT not in url:
            raise UsageError(f"--spawn has {PORT}: the URL needs it too, like http://127.0.0.1:{PORT}/events")
        port = str(free_port())
        url, script = (word.replace(PORT, port) for word in (url, script))
    if spawn and options["pid"]:
        raise UsageError("--spawn starts the target and --pid finds one: only one of them can be meant")
    grace_ms = options["grace_ms"] or file.grace_ms
    if grace_ms and not spawn:
        raise UsageError("--grace-ms says how a target ends that --spawn starts: nobody else's is asked to end")
    if not 0 <= grace_ms <= GRACE_MS_MAX:
        raise UsageError(f"--grace-ms {grace_ms}: a whole number up to {GRACE_MS_MAX} is needed")
    body = _body(options["data"] or file.data, directory)
    headers = target_file.merged(file.headers, tuple(options["headers"]), mark=":")
    target = config.target_url(url)
    look = Request(
        target,
        config.method(options["method"] or file.method or config.usual_method(target, body)),
        config.headers(headers),
        body,
        version="2" if options.get("http2") or file.http2 else "1.1",
    )
    if script:
        if url == script and (look.method != "GET" or body):
            raise UsageError("-X and -d say how a stream is asked for, and with --script alone the adapter says it")
        base = config.script_base(script, look)
        look, script = replace(look, url=base) if url == script else look, base
    profile = options["profile"] or file.profile or ("" if script else "plain")
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
        transport=_tls(url, insecure=options["insecure"], cacert=options["cacert"], http2=look.version == "2"),
        spawn=spawn,
        directory=directory,
        grace_ms=grace_ms,
        claims=(*file.claims, *options["claims"]),
        auth=options["auth"] or file.auth,
        other=config.other_credentials(options.get("other_credentials", "")),
        script=script,
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
        instances=options["instances"] or 0,
        baseline=_baseline(options.get("baseline") or "", file),
        **more,
    )


def _baseline(word: str, file: TargetFile) -> Path | None:
    """The file of known failures; a relative one that `streamspec.toml` names lies beside it."""
    if word:
        return Path(word)
    return Path(file.place).parent / file.baseline if file.baseline else None


def _file(url: str, options: Mapping[str, Any]) -> TargetFile:
    """The file that was named, or the one that lies here if nothing else says what the target is."""
    if options["config"]:
        return target_file.read(Path(options["config"]))
    here = Path(target_file.NAME)
    named = url or options["spawn"] or "://" in options["script"]
    if named or options["no_config"] or not here.is_file():
        return TargetFile()
    return target_file.read(here)


def _object_settings(url: str, options: Mapping[str, Any], file: TargetFile) -> Settings:
    given = [name for name in _OF_SERVERS if options.get(name) or getattr(file, name, "")]
    if url or file.url or given:
        what = _option(given[0]) if given else shown(url or file.url)
        said = f"{file.place}: target.object" if file.object else "--object"
        raise UsageError(f"{what}: either a server is judged or an object, and {said} was given")
    # modules of the directory one stands in, as with `python -m`, or of that of the file
    directory = str(Path(file.place).parent.resolve()) if file.place else ""
    if directory not in sys.path:
        sys.path.insert(0, directory)
    named, claims = options["object_"] or file.object, (*file.claims, *options["claims"])
    return _common(options, file, look=Request(""), object=named, claims=claims)


def _body(text: str, directory: Path) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return (directory / text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"-d {shown(text)}: {error.strerror}") from error


def _tls(url: str, *, insecure: bool, cacert: str, http2: bool = False) -> Transport | None:
    """A transport with its own TLS context, when one was asked for."""
    if not (insecure or cacert):
        return None
    if not url.startswith("https:"):
        raise UsageError("-k and --cacert are about https:// targets")
    from streamspec.harness.transports import http1
    from streamspec.harness.transports.http2 import over_tls

    try:
        context = ssl.create_default_context(cafile=cacert or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--cacert {shown(cacert)}: {error}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return over_tls(context) if http2 else http1.transport(context)
