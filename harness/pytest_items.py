"""What pytest collects of a target: one item per case and rule, one per case for the rules that it did not promise, and
one per baseline.

Collection sends nothing: it foresees every case that such a target may have, and is the same in every process. What
does not apply is known when the first item runs, and is a skip with its reason. Never here: a verdict, or how a case is
played.
"""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from streamspec.harness import baseline_file, config
from streamspec.harness.assembly import concerns
from streamspec.harness.core.baseline import held_against, reasons
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.foreseen import Foreseen, foreseen
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Wording
from streamspec.harness.core.run import Line, Result, merged
from streamspec.harness.discovery import all_rules, all_scenarios, constants
from streamspec.harness.embedded_run import parts
from streamspec.harness.engine import store
from streamspec.harness.held_target import HeldTarget, Part
from streamspec.harness.options import UNSAID, replay_settings, run_settings
from streamspec.harness.pytest_plugin import OPEN, StreamspecWarning
from streamspec.harness.serving import case_of
from streamspec.harness.target_file import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.baseline import Known
    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Run

STORE: Final = Path(".streamspec") / "runs"  # below pytest's root directory
PROBE: Final = "probe"
OTHERS: Final = "other-rules"
BASELINE: Final = "baseline"
_SPOKEN: Final = (Outcome.FAIL, Outcome.WARN)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the items of one file share besides their targets."""

    known: tuple[Known, ...]
    today: dt.date
    rules: dict[str, Rule]
    strict: bool
    in_process: bool
    wording: Wording

    def valid(self) -> tuple[Known, ...]:
        return tuple(entry for entry in self.known if not (entry.until and entry.until < self.today))

    def told(self, result: Result, verdict: Verdict) -> str:
        return self.wording.failure(Line(self.rules[verdict.rule], verdict.outcome, ((result, verdict),)))


class _SpecFile(pytest.File):
    """A file that names a target, which is open while items of this file run."""

    targets: list[HeldTarget]

    def teardown(self) -> None:
        self._close()

    def _close(self) -> None:
        for target in self.targets:
            target.close()

    def _hold(self, make: Callable[[], Part]) -> HeldTarget:
        target = HeldTarget(make)
        self.targets.append(target)
        self.config.stash.setdefault(OPEN, []).append(target.close)
        return target

    def _kept_in(self) -> Path:
        return self.config.rootpath / STORE

    def _shared(self, settings: Settings) -> _Judged:
        rules = {rule.id: rule for rule in all_rules()}
        known = baseline_file.read(settings.baseline, rules) if settings.baseline else ()
        today = dt.datetime.now().astimezone().date()
        wording = constants("streamspec.reports", Wording)[0]
        return _Judged(known, today, rules, settings.strict, bool(settings.object), wording)


class TargetFile(_SpecFile):
    """A `streamspec.toml`."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        self.targets = []
        try:
            yield from self._collected()
        except UsageError as error:
            raise self.CollectError(str(error)) from None

    def _collected(self) -> Iterator[pytest.Item | pytest.Collector]:
        settings = self._settings()
        shared = self._shared(settings)
        chosen = _chosen(settings)
        if not settings.rules:
            chosen = tuple(rule for rule in chosen if concerns(rule, in_process=shared.in_process))
        named = bool(settings.object or settings.look.url)
        found = [Part(settings, chosen)] if named else [Part(*part) for part in parts(settings, chosen)]
        for number, part in enumerate(found):
            target = self._hold(lambda n=number: self._part(n))  # type: ignore[misc]  # mypy cannot infer a default's type
            binding = "object" if shared.in_process else part.settings.binding
            if not shared.in_process:
                name = f"{PROBE}@{binding}{part.mark}" if binding else PROBE
                yield _CaseNode.made(self, name, _Probe(target), (), shared)
            for case in foreseen(all_scenarios(), part.rules, binding, in_process=shared.in_process):
                name = case.id + part.mark
                yield _CaseNode.made(self, name, _Planned(target, case), _rules(shared, case.rules), shared)
            if not number:
                yield from self._stored_cases(target, shared, chosen)
        if settings.baseline:
            yield BaselineItem.from_parent(self, name=BASELINE, shared=shared)

    def _settings(self) -> Settings:
        return run_settings("", {**UNSAID, "config": str(self.path), "store": self._kept_in()})

    def _part(self, number: int) -> Part:
        """What is to be opened, said anew: a port that is free is free now."""
        settings = self._settings()
        chosen = _chosen(settings)
        if not settings.rules:
            chosen = tuple(rule for rule in chosen if concerns(rule, in_process=bool(settings.object)))
        if settings.object or settings.look.url:
            return Part(settings, chosen)
        return Part(*parts(settings, chosen)[number])

    def _stored_cases(self, target: HeldTarget, shared: _Judged, chosen: Sequence[Rule]) -> Iterator[pytest.Collector]:
        ids = {rule.id for rule in chosen}
        for pattern in read(self.path).cases:
            if Path(pattern).is_absolute():
                raise UsageError(f"{self.path}: pytest.cases: {pattern}: a pattern beside this file is needed")
            paths = sorted(self.path.parent.glob(pattern))
            if not paths:
                raise UsageError(f"{self.path}: pytest.cases: no file is called {pattern}")
            for path in paths:
                name = path.relative_to(self.path.parent).as_posix()
                history = store.load_history(path)
                rules = _rules(shared, tuple(rule for rule in history.header.promises if rule in ids))
                source = _Stored(target, history, name.removesuffix(".ndjson"))
                yield _CaseNode.made(self, name, source, rules, shared)


class StoredFile(_SpecFile):
    """A stored history: its case is played again on its own target."""

    def collect(self) -> Iterator[pytest.Collector]:
        self.targets = []
        try:
            history = store.load_history(self.path)
            settings = self._settings(history)
            shared = self._shared(settings)
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        target = self._hold(lambda: Part(self._settings(history), _chosen(settings)))
        rules, name = _rules(shared, history.header.promises), history.header.case
        source = _Stored(target, history, name.partition("@")[0])
        yield _CaseNode.made(self, name, source, rules, shared)

    def _settings(self, history: History) -> Settings:
        return replay_settings(history, "", {**UNSAID, "store": self._kept_in()})


def _chosen(settings: Settings) -> tuple[Rule, ...]:
    return config.selected(all_rules(), settings.rules)


def _rules(shared: _Judged, ids: Sequence[str]) -> tuple[Rule, ...]:
    return tuple(shared.rules[name] for name in ids if name in shared.rules)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A case that was foreseen."""

    target: HeldTarget
    case: Foreseen

    def result(self) -> Result | None:
        return self.target.result(self.case.scenario)

    def lacks(self, rule: Rule) -> tuple[str, ...]:
        return self.target.lacks(self.case.scenario, rule)


@dataclass(frozen=True, slots=True)
class _Probe:
    """What the probe itself showed."""

    target: HeldTarget

    def result(self) -> Result | None:
        return self.target.opened().probe

    def lacks(self, rule: Rule) -> tuple[str, ...]:  # noqa: ARG002 -- it promises none
        return ()


@dataclass(frozen=True, slots=True)
class _Stored:
    """A case that was stored, under the `name` of its file: two files may have stored the same case."""

    target: HeldTarget
    history: History
    name: str

    def result(self) -> Result | None:
        return self.target.played(replace(case_of(self.history), id=f"{self.name}@{self.history.header.binding}"))

    def lacks(self, rule: Rule) -> tuple[str, ...]:  # noqa: ARG002 -- what it was about was there when it was stored
        return ()


class _CaseNode(pytest.Collector):
    """One case, and the rules that it would promise."""

    source: _Planned | _Probe | _Stored
    rules: tuple[Rule, ...]
    shared: _Judged

    @classmethod
    def made(
        cls,
        parent: _SpecFile,
        name: str,
        source: _Planned | _Probe | _Stored,
        rules: tuple[Rule, ...],
        shared: _Judged,
    ) -> _CaseNode:
        node = cls.from_parent(parent, name=name)
        node.source, node.rules, node.shared = source, rules, shared
        return node

    def collect(self) -> Iterator[pytest.Item]:
        for rule in self.rules:
            yield RuleItem.from_parent(self, name=rule.id, rule=rule)
        yield OthersItem.from_parent(self, name=OTHERS)

    def result(self) -> Result | None:
        """Its result. Ends the item, as an error, when the target cannot be judged."""
        try:
            return self.source.result()
        except (NoVerdict, UsageError) as problem:
            said = f"no verdict: {problem}"
        pytest.fail(said, pytrace=False)  # outside, or pytest shows what it came from


class _SpecItem(pytest.Item):
    """An item without any function: what it says is words, never a traceback."""

    parent: Any

    def __init__(self, group: str, keywords: Sequence[str] = (), **said: Any) -> None:
        super().__init__(**said)
        self.add_marker("streamspec")
        self.extra_keyword_matches.update(keywords)
        if self.config.pluginmanager.hasplugin("xdist"):  # `--dist loadgroup` keeps a case in one worker
            self.add_marker(pytest.mark.xdist_group(group))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.nodeid.partition("::")[2]

    def _wrong(self, text: str) -> NoReturn:
        pytest.fail(text, pytrace=False)


class RuleItem(_SpecItem):
    """One rule on one case that would promise it."""

    def __init__(self, rule: Rule, parent: _CaseNode, **said: Any) -> None:
        super().__init__(parent.nodeid, (rule.id, rule.family, rule.level.value), parent=parent, **said)
        self.rule = rule
        self.user_properties += [("rule", rule.id), ("level", rule.level.value), ("source", rule.source)]
        self._found: tuple[Result, Verdict] | None = None

    def setup(self) -> None:
        """Play the case, if no item of it has yet. Whatever is no verdict of the rule ends here: a skip or an error."""
        result = self.parent.result()
        verdict = next((v for v in result.verdicts if v.rule == self.rule.id), None) if result else None
        if result is None or verdict is None:
            lacks = self.parent.source.lacks(self.rule)
            added = self.parent.shared.wording.missing(lacks, self.parent.shared.in_process)
            pytest.skip(f"to see it, add {added}" if lacks else "another case carries this rule")
        if result.place:
            self.user_properties.append(("history", result.place))
        if verdict.outcome is Outcome.INCONCLUSIVE:
            self._wrong(f"INCONCLUSIVE  {self.rule.id}  {result.case}: {printable(verdict.reason)}")
        if verdict.outcome is Outcome.ERROR:
            self._wrong(self.parent.shared.told(result, verdict))
        self._found = result, verdict

    def runtest(self) -> None:
        assert self._found
        _judged([self._found], self.parent.shared, self.path)


class OthersItem(_SpecItem):
    """The rules that a case did not promise: it fails where one of them is broken."""

    def __init__(self, parent: _CaseNode, **said: Any) -> None:
        super().__init__(parent.nodeid, parent=parent, **said)
        self._found: list[tuple[Result, Verdict]] = []

    def setup(self) -> None:
        result = self.parent.result()
        if result is None:
            pytest.skip("the target has no such case")
        promised = {rule.id for rule in self.parent.rules}
        reported = {rule.id for rule in self.parent.source.target.part().rules}
        others = [v for v in result.verdicts if v.rule not in promised and v.rule in reported]
        if crashed := [v for v in others if v.outcome is Outcome.ERROR]:
            self._wrong("\n\n".join(self.parent.shared.told(result, verdict) for verdict in crashed))
        self._found = [(result, verdict) for verdict in others if verdict.outcome in _SPOKEN]

    def runtest(self) -> None:
        _judged(self._found, self.parent.shared, self.path)


def _judged(found: Sequence[tuple[Result, Verdict]], shared: _Judged, path: Path) -> None:
    """Let each verdict speak as pytest does: what is new before what is known, a failure before a warning."""
    known = shared.valid()
    new = [pair for pair in found if pair[1].outcome in _SPOKEN and not reasons(known, *pair)]
    red = [pair for pair in new if pair[1].outcome is Outcome.FAIL or shared.strict]
    if red:
        pytest.fail("\n\n".join(shared.told(*pair) for pair in red), pytrace=False)
    for result, verdict in new:
        rule, first = shared.rules[verdict.rule], verdict.findings[0]
        said = f"{rule.id} SHOULD, {result.case}: {rule.sentence} Expected {first.expected}; got {first.got}"
        warnings.warn_explicit(StreamspecWarning(printable(said)), StreamspecWarning, str(path), 1)
    why = dict.fromkeys(reason for pair in found for reason in reasons(known, *pair))
    if why and not new:
        pytest.xfail(f"known: {'; '.join(why)}")


class BaselineItem(_SpecItem):
    """Every entry of the baseline is still needed. What its entries speak of is played if it was not; the rest only
    where an entry seems to be stale."""

    def __init__(self, shared: _Judged, parent: _SpecFile, **said: Any) -> None:
        super().__init__(f"{parent.nodeid}::{BASELINE}", parent=parent, **said)
        self.shared = shared
        self._stale: tuple[str, ...] = ()

    def setup(self) -> None:
        try:
            self._play(lambda promised: any(entry.rule in promised for entry in self.shared.known))
            if self._compared():
                self._play(lambda _: True)
            self._stale = self._compared()
        except (NoVerdict, UsageError) as problem:
            said = f"no verdict: {problem}"
        else:
            return
        self._wrong(said)

    def _play(self, wanted: Callable[[tuple[str, ...]], bool]) -> None:
        for target in self.parent.targets:
            for case in target.cases():
                if wanted(case.promises):
                    target.played(case)

    def _compared(self) -> tuple[str, ...]:
        run: Run = merged([target.run() for target in self.parent.targets])
        return held_against(replace(run, crossed=()), self.shared.known, self.shared.today).crossed

    def runtest(self) -> None:
        if self._stale:
            self._wrong("\n".join(self._stale))
