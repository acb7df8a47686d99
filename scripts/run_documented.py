#!/usr/bin/env python3
"""run_documented.py FILE... - runs the commands that the documentation shows, so that they cannot go stale.

A block of code that follows a line `<!-- check -->` is run. All such blocks of a file are one bash session in a scratch
directory, with $BUILD first in PATH: what one block starts or sets is there for the next. A line that begins with `$ ` is
a command, and then lines without it are what it prints (not compared); without any `$ ` every line is a command. The
first command that fails ends the session. What was started in the background is stopped with it.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

SECONDS_A_FILE = 180
BLOCK = re.compile(r"^<!-- check -->\s*\n+(?P<fence>```+)[^\n]*\n(?P<text>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^<!-- check -->", re.MULTILINE)


def commands_of(block):
    lines = block.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        return lines
    commands, goes_on = [], False
    for line in lines:
        if line.startswith("$ ") or goes_on:
            commands.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
    return commands


def session_run(name, commands):
    """True if every command succeeded."""
    script = "\n".join(["set -euo pipefail", "set -v", *commands]) + "\n"
    environment = {**os.environ, "PATH": f"{os.environ['BUILD']}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory(prefix="attune-documented.") as folder:
        # The script comes from a file, so that a command that reads standard input does not eat it.
        path = pathlib.Path(folder, ".commands")
        path.write_text(script, encoding="utf-8")
        with subprocess.Popen(["bash", path], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              start_new_session=True) as process:
            try:
                code = process.wait(timeout=SECONDS_A_FILE)
            except subprocess.TimeoutExpired:
                code = f"none after {SECONDS_A_FILE} s"
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # nothing was left
    if code != 0:
        print(f"{name}: a command failed (exit code {code})", flush=True)
    return code == 0


def main():
    session_count, failed = 0, 0
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        blocks = [commands_of(match.group("text")) for match in BLOCK.finditer(text)]
        if len(blocks) != len(MARK.findall(text)):
            print(f"{name}: a <!-- check --> is not followed by a block of code")
            failed += 1
        elif blocks:
            print(f"--- {name}", flush=True)
            session_count += 1
            failed += not session_run(name, [command for block in blocks for command in block])
    print(f"{session_count} documents run, {failed} with failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
