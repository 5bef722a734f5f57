"""Judge stored histories again: a bug report is one file, and a changed rule re-judges old runs. No traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.harness import config
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.judge import Outcome, Verdict, judge
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.core.script import LOOK, SCRIPT
from streamspec.harness.discovery import all_rules
from streamspec.harness.engine import store

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.core.history import Header, History
    from streamspec.harness.core.rule import Rule


def rejudge(path: Path, prefixes: tuple[str, ...], *, strict: bool) -> Run:
    """A run's directory or one history's file. Raises `UsageError` when it is neither."""
    rules = all_rules()
    if path.is_dir():
        return _run(path, prefixes, rules, strict=strict)
    if not path.is_file():
        raise UsageError(f"{path}: no stored run and no history")
    history = store.load_history(path)
    header = history.header
    about = About(
        target=_target(header),
        binding=header.binding,
        binding_reason="as stored",
        profile=header.profile,
        roles=_roles(header),
        seed=header.seed,
        tool=header.tool,
        started=header.started,
        strict=strict,
    )
    result = _result(history, header.promises, rules, str(path))
    return Run(about, config.selected(rules, prefixes), (result,), (), 0.0)


def _adapter(header: Header) -> str:
    """The base URL of a scripted target's adapter, with a slash at its end; empty without one."""
    base = header.declared.get(SCRIPT)
    return f"{base}/" if isinstance(base, str) and base else ""


def _target(header: Header) -> str:
    look, base = header.requests.get(LOOK), _adapter(header)
    url = look.url if look else ""
    return base[:-1] if base and url.startswith(base) else url


def _roles(header: Header) -> tuple[tuple[str, str], ...]:
    """Those that were declared; what an adapter plays is told by its base URL alone."""
    base = _adapter(header)
    found = [(role, request.url) for role, request in header.requests.items() if role not in {LOOK, SCRIPT}]
    if not base:
        return tuple(found)
    return (*((role, url) for role, url in found if not url.startswith(base)), (SCRIPT, base[:-1]))


def _run(place: Path, prefixes: tuple[str, ...], rules: tuple[Rule, ...], *, strict: bool) -> Run:
    stored = store.load_run(place)
    results: list[Result] = []
    for case in stored.cases:
        if case.file:
            path = place / case.file
            results.append(_result(store.load_history(path), case.promises, rules, str(path)))
        else:
            outcome = Outcome.ERROR if case.note == "our error" else Outcome.INCONCLUSIVE
            verdicts = tuple(Verdict(rule, outcome, reason=case.note) for rule in case.promises)
            results.append(Result(case.case, case.promises, verdicts, note=case.note))
    chosen = config.selected([rule for rule in rules if prefixes or rule.id in stored.rules], prefixes)
    about = replace(stored.about, strict=strict, place=str(place))
    return Run(
        about,
        chosen,
        tuple(results),
        stored.skips,
        stored.duration_s,
        stored.stopped,
        stored.problem,
        stored.crossed,
        stored.sections,
    )


def _result(history: History, promises: tuple[str, ...], rules: tuple[Rule, ...], path: str) -> Result:
    return Result(history.header.case, promises, judge(history, rules, promises), history, path)
