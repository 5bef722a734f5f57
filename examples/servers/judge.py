"""Judges the example servers as a user would: `python judge.py [NAME ...]`; `--help` says more.

Every FAIL and WARN must be one that `findings.toml` explains, and every one that it explains must come: else this ends
with 1. With `--write` the verdicts become `docs/servers.md`. What the servers need is found on the PATH
(`install.py` says how it gets there), or below `--into DIR`. `--of DIR` judges the servers of another folder, by its
own `findings.toml`: `--of ../adapters` makes `docs/adapters.md`.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"
OUTCOMES = ("PASS", "FAIL", "WARN", "INCONCLUSIVE", "SKIP")
TOLD = ("FAIL", "WARN")
LONGEST_S = 300


def settings(folder, names):
    """Every `streamspec*.toml` of these servers of the folder."""
    return [
        path for name in names for path in sorted((folder / name).glob("streamspec*.toml"), key=lambda p: len(p.name))
    ]


def named(path):
    """How `findings.toml` names these settings: `node-http`, `node-http, naive`."""
    extra = path.stem.removeprefix("streamspec").removeprefix(".")
    return f"{path.parent.name}, {extra}" if extra else path.parent.name


def judged(path):
    """One run: the report as data."""
    words = ["streamspec", "run", "--config", str(path), "--no-store", "--color", "never", "-o", "json=-"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit(f"judge.py: {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")


def outcomes(report):
    found = {rule["id"]: rule["outcome"] for rule in report["rules"]}
    return found | ({"no verdict": report["problem"]} if report["problem"] else {})


@contextlib.contextmanager
def load(cores):
    """So many processes that do nothing but compute."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def compared(name, found, known):
    """What is not as `findings.toml` says."""
    seen = {rule: outcome for rule, outcome in found.items() if outcome in TOLD or rule == "no verdict"}
    due = {rule: entry["outcome"] for rule, entry in known.items()}
    lines = [f"{name}: {rule} {seen[rule]}, and nothing explains it" for rule in seen if due.get(rule) != seen[rule]]
    return lines + [f"{name}: {rule} {due[rule]} is explained, and did not come" for rule in due if rule not in seen]


def moved(name, reports):
    """The rules whose outcome was not the same in every run."""
    every = [outcomes(report) for report in reports]
    seen = {
        rule: collections.Counter(found.get(rule, "none") for found in every) for rule in {r for f in every for r in f}
    }
    why = {r["id"]: r["reason"] for report in reports for r in report["rules"] if r["reason"]}
    return [
        f"{name}: {rule} moved: {dict(count)} ({why.get(rule, 'see its failures')})"
        for rule, count in sorted(seen.items())
        if len(count) > 1
    ]


def page(what, rows, findings):
    yield f"# {what.capitalize()} judged\n"
    yield f"Made by `python examples/servers/judge.py --of examples/{what} --write`; what was judged, and how it was"
    yield f"made, is in [examples/{what}](../examples/{what}/README.md). Each FAIL and WARN was looked at by hand."
    yield "Figures count rules.\n"
    yield f"| {what.removesuffix('s')} | binding | pass | FAIL | WARN | inconclusive |"
    yield "|---|---|---|---|---|---|"
    for name, report in rows:
        found = outcomes(report)
        told = [", ".join(r for r, o in found.items() if o == outcome) or "none" for outcome in TOLD]
        count = collections.Counter(found.values())
        cells = (count["PASS"], *told, count["INCONCLUSIVE"])
        yield f"| {name} | {report['target']['binding']} | {' | '.join(map(str, cells))} |"
    for name, _ in rows:
        for rule, entry in findings.get(name, {}).items():
            yield f"\n## {name}: {rule} {entry['outcome']}\n"
            yield entry["what"].strip() + "\n"
            yield f"**By hand.** {entry['by_hand'].strip()}\n"
            yield f"**Mending it.** {entry['mend'].strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of the folder's; all if none is named")
    parser.add_argument("--reruns", type=int, default=1, help="judge each so often: the verdicts must be the same")
    parser.add_argument("--together", type=int, default=1, help="judge so many at a time")
    parser.add_argument("--busy", action="store_true", help="with two processes beside it that only compute")
    parser.add_argument("--into", type=Path, metavar="DIR", help="where install.py has put what the servers need")
    parser.add_argument("--of", type=Path, default=HERE, metavar="DIR", help="the folder of the servers; this one")
    parser.add_argument("--write", action="store_true", help="write docs/servers.md, or what the folder's name is")
    asked = parser.parse_args()
    folder = asked.of.resolve()
    servers = sorted(path.parent.name for path in folder.glob("*/streamspec.toml"))
    unknown = set(asked.names) - set(servers)
    if unknown or not servers:
        parser.error(f"not in {folder}: {', '.join(sorted(unknown)) or 'any server'} (there are: {', '.join(servers)})")
    if asked.into:
        into = asked.into.resolve()
        programs = [str(into / "python" / "bin"), str(into / "bin"), os.environ.get("PATH", "")]
        modules = map(str, sorted(into.glob("node/*/node_modules")))
        os.environ |= {"PATH": os.pathsep.join(programs), "NODE_PATH": os.pathsep.join(modules)}
    findings = tomllib.loads((folder / "findings.toml").read_text())
    rows, wrong = [], []
    with load(2 if asked.busy else 0), concurrent.futures.ThreadPoolExecutor(asked.together) as workers:
        every = settings(folder, asked.names or servers)
        found = workers.map(judged, (path for path in every for _ in range(asked.reruns)))
        for path in every:
            name, reports = named(path), list(itertools.islice(found, asked.reruns))
            rows.append((name, reports[-1]))
            every_time = [compared(name, outcomes(report), findings.get(name, {})) for report in reports]
            here = [*dict.fromkeys(line for lines in every_time for line in lines), *moved(name, reports)]
            wrong += here
            counted = collections.Counter(outcomes(reports[-1]).values())
            told = ", ".join(f"{counted[o]} {o.lower()}" for o in OUTCOMES if counted[o])
            seconds = sum(report["duration_s"] for report in reports) / len(reports)
            print(f"{name}: {told}, {seconds:.1f} s, {len(reports)} runs", *here, sep="\n  ", flush=True)
    if asked.write:
        (DOCS / f"{folder.name}.md").write_text("\n".join(page(folder.name, rows, findings)) + "\n")
    print("\n".join(wrong) or "as explained")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
