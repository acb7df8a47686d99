#!/usr/bin/env python3
"""test_chaos.py - attune-chaos run, end to end: real nodes, real faults, its verdicts, and that it leaves nothing behind.

    ATTUNE_PARTS="held killed" test/process/test_chaos.py

Verdicts that must not be "held" are got by a program in front of attuned that breaks a promise for it: a checker that
cannot fail would be found here.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import chaos_kill_at_write
from nodes import BUILD, Failure, expect, run, until

CHAOS = os.path.join(BUILD, "attune-chaos")
MARK = b"ATTUNE_CHAOS_RUN="
SECONDS_MAX = 60

HEAD = "nodes: 3\ninterval: 200ms\nquiet: 5\n"
LOST_PUSH = HEAD + """
actions:
  - {at: 500ms, do: loss, nodes: [n1], to: [n2], percent: 100, for: 1s}
  - {at: 700ms, do: set, nodes: [n1], key: schema/posts, body: '{"fields":{"title":{"type":"string"}}}'}
expect: {entries: 1, conflicts: 0}
"""
SPLIT = HEAD + """
load:
  - {from: 300ms, until: 4s, every: 60ms}
actions:
  - {at: 500ms, do: partition, nodes: [n1], for: 3s}
"""
KILLED = HEAD + """
load:
  - {from: 300ms, until: 4s, every: 60ms}
actions:
  - {at: 1s, do: crash, nodes: [n2], for: 1s}
  - {at: 2s, do: freeze, nodes: [n3], for: 1s}
"""
# One node, so that what it loses is nowhere else.
ALONE = """
nodes: 1
interval: 200ms
quiet: 1
actions:
  - {at: 300ms, do: set, nodes: [n1], key: schema/posts, body: '{"fields":{"title":{"type":"string"}}}'}
  - {at: 1s, do: crash, nodes: [n1], for: 300ms}
"""
# From its second start on $node loses what it had ($lose) and gets further arguments ($more).
BROKEN = """#!/bin/sh
directory= name=
previous=
for word; do
    [ "$previous" = --data-dir ] && directory=$word
    [ "$previous" = --name ] && name=$word
    previous=$word
done
if [ "$name" = {node} ] && [ -e "$directory/catalog.db" ]; then
    rm -f "$directory"/catalog.db*
    exec {attuned} "$@" {more}
fi
exec {attuned} "$@"
"""


class Chaos:
    """One attune-chaos run in a directory of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def scenario(self, text, name="scenario.yaml"):
        path = self.directory / name
        path.write_text("name: test\n" + text, encoding="utf-8")
        return path

    def broken(self, node, more=""):
        path = self.directory / "broken"
        path.write_text(BROKEN.format(node=node, more=more, attuned=os.path.join(BUILD, "attuned")), encoding="utf-8")
        path.chmod(0o755)
        return path

    def start(self, *arguments):
        return subprocess.Popen([CHAOS, "run", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(self.directory)})

    def run(self, code, *arguments):
        """Its stdout and stderr; it must end with this code, and leave nobody."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=SECONDS_MAX)
            except subprocess.TimeoutExpired as hung:
                process.terminate()
                process.communicate()
                raise Failure(f"{arguments} did not end within {SECONDS_MAX} s") from hung
        expect(process.returncode == code, f"exit code {process.returncode}, not {code}", out, err)
        expect(not self.left(), "processes are left", self.left())
        return out, err

    def left(self):
        """Processes that this directory's runs started."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if MARK + bytes(self.directory) in path.read_bytes():
                    found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120])
            except OSError:
                pass  # it has ended, or is not ours
        return found


def namespaces(pid):
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return [line for line in listed.stdout.splitlines() if f"attune-{pid}-" in line]


# --- parts ---

def part_held(chaos):
    """Three short scenarios hold, in both kinds of networks, and their reports can be read."""
    for name, text, network in [("lost push", LOST_PUSH, "auto"), ("split", SPLIT, "auto"),
                                ("killed and frozen", KILLED, "loopback")]:
        html, figures = chaos.directory / "report.html", chaos.directory / "report.json"
        out, _ = chaos.run(0, chaos.scenario(text), "--network", network, "--report", html, "--json", figures)
        expect(out.splitlines()[-1] == "held", "the last line is not the verdict", out)
        report = json.loads(figures.read_text(encoding="utf-8"))
        expect(report["verdict"] == "held" and report["node_count"] == 3 and report["equal_ms"] > 0, "not as it was", report)
        expect(re.fullmatch("[0-9a-f]{32}", report["content_root"]), "no content root", report["content_root"])
        expect(f"content root {report['content_root']}" in out, "another content root is printed", out)
        expect(not any(check["violated"] for check in report["checks"]), "a check is violated", report["checks"])
        page = html.read_text(encoding="utf-8")
        expect(page.lstrip().lower().startswith("<!doctype html>") and "</html>" in page, "no page", page[:200])
        print(f"{name}: {[line for line in out.splitlines() if 'intervals' in line][0]}", flush=True)


def part_diverged(chaos):
    """A node that comes back as one of another cluster never agrees: 3."""
    figures = chaos.directory / "report.json"
    out, _ = chaos.run(3, chaos.scenario(KILLED + "expect: {intervals: 6}\n"), "--attuned",
                       chaos.broken("n2", "--cluster other"), "--json", figures)
    print([line for line in figures.read_text(encoding="utf-8").splitlines() if '"from ' in line], flush=True)
    expect("diverged: L1" in out, "it does not say what", out)


def part_violated(chaos):
    """A node that loses what it acknowledged breaks S2, or S3 where it is seen first: 1."""
    out, _ = chaos.run(1, chaos.scenario(ALONE), "--attuned", chaos.broken("n1"))
    expect("violated: S2: n1 acknowledged a set of schema/posts" in out, "it does not say what", out)


def part_crashed(chaos):
    """A node that ends by itself is a crash, and its last words are shown: 4."""
    path = chaos.directory / "ends"
    attuned = os.path.join(BUILD, "attuned")
    path.write_text(f'#!/bin/sh\n{attuned} "$@" &\nsleep 2; kill -KILL $!; echo enough >&2; exit 3\n', encoding="utf-8")
    path.chmod(0o755)
    out, _ = chaos.run(4, chaos.scenario(KILLED.replace("4s", "20s")), "--attuned", path)
    expect("crashed: S15" in out and "ended by itself" in out, "it does not say what", out)


def part_unknown(chaos):
    """A run in which a fault met nothing has proved nothing: 5."""
    text = HEAD + "actions:\n  - {at: 300ms, do: sync, nodes: [n1]}\n"
    out, _ = chaos.run(5, chaos.scenario(text))
    expect("unknown: " in out and "no entry was transferred" in out, "it does not say what", out)
    # A daemon without an export: nodes that never say what they have prove nothing by equal roots.
    path = chaos.directory / "mute"
    program = pathlib.Path(BUILD, "attuned").read_bytes()
    expect(b"/v1/export" in program, "the path of the export is not in the program", path)
    path.write_bytes(program.replace(b"/v1/export", b"/v1/exporx"))
    path.chmod(0o755)
    out, _ = chaos.run(5, chaos.scenario(LOST_PUSH), "--attuned", path)
    expect("unknown: S1 was never checked" in out, "it does not say what", out)


def part_usage(chaos):
    """Calls that make no sense say why in a line: 2."""
    scenario = chaos.scenario(LOST_PUSH)
    nonsense = chaos.scenario("nodes: 3\nactions:\n  - {at: 1s, do: dance, nodes: [n1]}\n", "nonsense.yaml")
    many = chaos.scenario("nodes: 65\n", "many.yaml")
    simulated = chaos.scenario("nodes: 3\nmodes: [sim]\n", "simulated.yaml")
    for arguments, expected in [
            ([nonsense], r"nonsense\.yaml: line 4: .*dance"),
            ([chaos.directory / "nowhere.yaml"], r"nowhere\.yaml"),
            ([many], r"many\.yaml: .*65.*64"),
            ([simulated], r"simulated\.yaml: .*simulator only"),
            ([scenario, "--attuned", "/bin/false"], r"n1 ended with code 1 when it was started$"),
            ([scenario, "--attuned", chaos.directory / "nothing"], r"nothing"),
            ([scenario, "--attuned", chaos.directory], r"cannot run .*: Is a directory"),
            ([scenario, "--seed", "one"], r"--seed.*one"),
            ([scenario, "--network", "carrier"], r"--network.*carrier"),
            ([scenario, "--json", "/nowhere/report.json"], r"/nowhere/report\.json: No such file"),
            ([], r"scenario")]:
        _, err = chaos.run(2, *arguments)
        expect(re.search(expected, err, re.MULTILINE), f"{arguments}: not told why ({expected})", err)
        expect(err.count("\n") == 1, f"{arguments}: not one line", err)
    kept = chaos.directory / "kept.html"
    kept.write_text("the last report", encoding="utf-8")
    chaos.run(2, scenario, "--attuned", "/bin/false", "--report", kept, "--json", chaos.directory / "none.json")
    expect(kept.read_text(encoding="utf-8") == "the last report", "the last report is gone", kept)
    expect(not (chaos.directory / "none.json").exists(), "a report of no run is left", chaos.directory)


def part_output_lost(_):
    """A verdict that cannot be written is none: 2."""
    for arguments in (["list"], ["sim", "--seed", "3", "--nodes", "3", "--only", "crash"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            ended = subprocess.run([CHAOS, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        expect(ended.returncode == 2 and ended.stderr.count("\n") == 1, f"{arguments}: {ended.returncode}", ended.stderr)


def part_interrupted(chaos):
    """SIGINT ends all that was started, and what is known is printed; SIGKILL leaves nobody either."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with chaos.start(chaos.scenario(SPLIT.replace("4s", "30s")), "--json", chaos.directory / "cut.json") as process:
            until(lambda: len(chaos.left()) >= 3, "no three nodes run", 20)
            time.sleep(1)
            process.send_signal(number)
            out, err = process.communicate(timeout=SECONDS_MAX)
        until(lambda: not chaos.left(), lambda: f"left: {chaos.left()}", 20)
        until(lambda pid=process.pid: not namespaces(pid), "namespaces are left", 20)
        if number == signal.SIGINT:
            expect(process.returncode == 5 and "interrupted" in out, f"exit code {process.returncode}", out, err)
            expect(json.loads((chaos.directory / "cut.json").read_text())["verdict"] == "unknown", "not unknown", out)


def part_interrupted_start(chaos):
    """SIGINT is heard also while a node does not say where it listens."""
    path = chaos.directory / "hangs"
    path.write_text("#!/bin/sh\nexec sleep 100\n", encoding="utf-8")
    path.chmod(0o755)
    with chaos.start(chaos.scenario(SPLIT), "--attuned", path) as process:
        until(chaos.left, "no node runs", 20)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS_MAX)
    expect(process.returncode == 5 and "interrupted" in out, f"exit code {process.returncode}", out, err)
    expect(time.monotonic() - began < 10, "it was not heard", time.monotonic() - began)
    expect(not chaos.left(), "processes are left", chaos.left())


def part_writes(_):
    """kill -9 at some writes of the store, by strace (chaos_kill_at_write.py does it at all)."""
    if not chaos_kill_at_write.strace_is_there():
        print("kill at a write: left out, strace is not there or not permitted")
        return
    killed = chaos_kill_at_write.table(["pwrite64", "fdatasync", "unlink"], 97)
    expect(killed > 3, "hardly a node was killed", killed)


def test():
    parts = {name.removeprefix("part_"): part for name, part in globals().items() if name.startswith("part_")}
    chosen = os.environ.get("ATTUNE_PARTS", " ".join(parts)).split()
    for name in chosen:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="attune-test-") as directory:
            try:
                parts[name](Chaos(directory))
            except Failure as failure:
                raise Failure(f"{name}: {failure}") from failure
        print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)
    return f"{len(chosen)} parts of attune-chaos run"


if __name__ == "__main__":
    if not os.access(CHAOS, os.X_OK):
        print(f"{CHAOS} is not built")
        raise SystemExit(77)
    run(test)
