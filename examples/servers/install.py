"""Installs what the example servers need: `python install.py [NAME ...] --into DIR`.

All Python servers share one environment, whose versions `constraints.txt` fixes; beside it each Node server has its
packages, Go's programs are built there, and Java's get a command with their classes. `. DIR/env.sh` makes a shell find
them. Nothing is written into this folder. `--of DIR` is for the servers of another folder, like `../adapters`.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAIN_CLASS = "{http://maven.apache.org/POM/4.0.0}properties/{http://maven.apache.org/POM/4.0.0}exec.mainClass"


def run(cwd, tool, *words):
    found = shutil.which(tool)
    if not found:
        sys.exit(f"install.py: {tool} is needed and not on the PATH")
    print(f"+ {tool} {' '.join(map(str, words))}", flush=True)
    if code := subprocess.run([found, *map(str, words)], cwd=cwd, check=False).returncode:  # noqa: S603
        sys.exit(f"install.py: {tool} ended with {code}")


def python_servers(folder, names, into):
    pins = [name for name in names if (folder / name / "requirements.txt").exists()]
    if not pins:
        return
    python = into / "python" / "bin" / "python"
    if not python.exists():
        run(HERE, sys.executable, "-m", "venv", into / "python")
    files = [word for name in pins for word in ("-r", folder / name / "requirements.txt")]
    run(HERE, str(python), "-m", "pip", "install", "--quiet", "-c", HERE / "constraints.txt", *files)


def node_server(source, into):
    copy = into / "node" / source.name  # npm ci keeps to one lock file, and removes what that does not name
    copy.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / file, copy)
    run(copy, "npm", "ci", "--silent")


def go_server(source, into):
    """Its own program, or somebody else's that its `go.mod` names as a tool."""
    tools = [line.split()[1] for line in (source / "go.mod").read_text().splitlines() if line.startswith("tool ")]
    run(source, "go", "build", "-o", into / "bin" / source.name, *(tools or ["."]))


def java_server(source, into):
    """Somebody else's program that its `pom.xml` names, with all that it needs, and a command that starts it."""
    classes = into / "java" / source.name
    run(source, "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={classes}")
    program = ET.parse(source / "pom.xml").findtext(MAIN_CLASS)  # noqa: S314 -- our own file
    command = into / "bin" / source.name
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec java -cp {shlex.quote(str(classes))}"/*" {program} "$@"\n')
    command.chmod(0o755)


def environment(into):
    """What a server's process needs to find, in words of a shell."""
    programs = shlex.quote(os.pathsep.join([str(into / "python" / "bin"), str(into / "bin")]))
    modules = shlex.quote(os.pathsep.join(map(str, sorted(into.glob("node/*/node_modules")))))
    return f'export PATH={programs}:"$PATH"\nexport NODE_PATH={modules}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of the folder's; all of them if none is named")
    parser.add_argument("--into", required=True, type=Path, metavar="DIR")
    parser.add_argument("--of", type=Path, default=HERE, metavar="DIR", help="the folder of the servers; this one")
    asked = parser.parse_args()
    folder, into = asked.of.resolve(), asked.into.resolve()
    servers = sorted(path.parent.name for path in folder.glob("*/streamspec.toml"))
    names = asked.names or servers
    if unknown := set(names) - set(servers):
        parser.error(f"no server {', '.join(sorted(unknown))} (there are {', '.join(servers)})")
    into.mkdir(parents=True, exist_ok=True)

    python_servers(folder, names, into)
    for name in names:
        if (folder / name / "package-lock.json").exists():
            node_server(folder / name, into)
        if (folder / name / "go.mod").exists():
            go_server(folder / name, into)
        if (folder / name / "pom.xml").exists():
            java_server(folder / name, into)
    (into / "env.sh").write_text(environment(into))
    print(f"now: . {into / 'env.sh'}")


if __name__ == "__main__":
    main()
