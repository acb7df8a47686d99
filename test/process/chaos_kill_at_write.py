#!/usr/bin/env python3
"""chaos_kill_at_write.py - kills a node at its k-th call that changes the disk, for k = 1, 1 + STEP, ..., and looks what is there.

    test/process/chaos_kill_at_write.py
    ATTUNE_STEP=1 ATTUNE_CALLS="pwrite64 fdatasync" test/process/chaos_kill_at_write.py

For each k and each call that the store uses (pwrite64, fdatasync, ftruncate, unlink, rename) a node starts on an empty
directory below `strace -f -e inject=CALL:signal=KILL:when=k`: the kernel ends it when a thread enters that call for the k-th
time, at any point of making the store, of a commit, of a checkpoint, of an orderly end. Meanwhile schemas are set, set
again and dropped, one after the other. Then it starts once more, untouched, and must hold a state that it has been in: what was
acknowledged, and of what was asked for last either all or nothing (S2, S8). Prints a table.
"""
import json
import os
import shutil
import signal
import subprocess
import sys

from nodes import Failure, Nodes, expect, number, run, schema, until

# A commit writes three pages to the log, and 1,000 pages bring a checkpoint: the series meets one in the middle of the load.
WRITES = number("WRITES", 400)
STEP = number("STEP", 17)
POINTS_MAX = number("POINTS", 1000)
CALLS = os.environ.get("ATTUNE_CALLS", "pwrite64 fdatasync ftruncate unlink rename").split()
OFTEN = ("pwrite64", "fdatasync")


def strace_is_there():
    return shutil.which("strace") is not None and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def wish(i):
    """The i-th change: entity, and its fields or None for a drop."""
    if i % 5 == 4:
        return f"t{i - 4}", None
    if i % 5 == 3:
        return f"t{i - 2}", {"a": "string", f"again{i}": "integer"}
    return f"t{i}", {"a": "string", f"f{i}": "string"}


def ask_for(node, i):
    """True if it was acknowledged."""
    entity, fields = wish(i)
    if fields is None:
        status, _ = node.ask("DELETE", f"/v1/schemas/{entity}?cascade=1", seconds_max=10)
    else:
        body = {"fields": {name: {"type": kind} for name, kind in fields.items()}}
        status, _ = node.ask("PUT", f"/v1/schemas/{entity}", body, seconds_max=10)
    expect(status in (200, 201), f"change {i} was answered with {status}")


def change(state, i):
    entity, fields = wish(i)
    state = dict(state)
    if fields is None:
        state.pop(entity, None)
    else:
        state[entity] = fields
    return state


def write_until_killed(node):
    """How many changes were acknowledged, and whether one more had been asked for."""
    for i in range(WRITES):
        try:
            ask_for(node, i)
        except OSError:
            return i, True
    return WRITES, False


def held(node):
    lines = [json.loads(line) for line in node.get("/v1/export").splitlines()]
    return {line["entity"]: {name: field["type"] for name, field in line["fields"].items()} for line in lines}


def one_point(nodes, call, k):
    """(killed, changes acknowledged)"""
    node = nodes.add()
    inject = f"inject={call}:signal=KILL:when={k}"
    acknowledged, one_more = 0, False
    try:
        node.start(before=["strace", "-f", "-qq", "-o", node.directory + ".strace", "-e", f"trace={call}", "-e", inject],
                   stderr=subprocess.DEVNULL)
    except Failure:
        pass  # killed before it listened
    if node.process is not None:
        acknowledged, one_more = write_until_killed(node)
        if one_more:
            node.process.wait(30)  # strace has to write down whom it killed
        else:
            node.end(signal.SIGTERM)
    node.abandon()
    with open(node.directory + ".strace", encoding="utf-8", errors="replace") as file:
        killed = "+++ killed by SIGKILL +++" in file.read()
    check(node, call, k, acknowledged, one_more)
    shutil.rmtree(node.directory)
    return killed, acknowledged


def check(node, call, k, acknowledged, one_more):
    node.start()
    until(node.ready, f"{call} {k}: not ready")
    state = {}
    for i in range(acknowledged):
        state = change(state, i)
    there = held(node)
    expect(there == state or (one_more and there == change(state, acknowledged)),
           f"killed at {call} {k} after {acknowledged} acknowledged changes: it holds another state", there)
    # The store takes writes again, and an entry that is counted is there.
    node.write("PUT", "/v1/schemas/after", schema("a"))
    expect(node.entries() == len(held(node)), f"{call} {k}: entries are miscounted")
    node.terminate()


def series(call, step, points_max=POINTS_MAX):
    killed, acknowledged = 0, []
    with Nodes(0) as nodes:
        for point in range(points_max):
            was_killed, count = one_point(nodes, call, 1 + point * step)
            if not was_killed:
                break
            killed += 1
            acknowledged.append(count)
    return killed, acknowledged


def table(calls=CALLS, step=STEP):
    """Prints a line for each call; returns how often a node was killed."""
    sum_killed = 0
    print(f"{'call':<10} {'killed':>6}  acknowledged before it, first to last")
    for call in calls:
        # What is done a few times in the life of a process is tried each time.
        killed, acknowledged = series(call, step if call in OFTEN else 1)
        print(f"{call:<10} {killed:>6}  {' '.join(map(str, acknowledged[:12]))}{' ...' if killed > 12 else ''}", flush=True)
        sum_killed += killed
    return sum_killed


def test():
    if not strace_is_there():
        print("strace is not there or not permitted")
        sys.exit(77)
    killed = table()
    expect(killed > 0, "no node was killed")
    return f"killed at {killed} points of the disk, 0 acknowledged changes missing"


if __name__ == "__main__":
    run(test)
