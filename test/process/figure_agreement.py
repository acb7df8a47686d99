#!/usr/bin/env python3
"""figure_agreement.py - how long a write that waits for agreement takes on 3, 16 and 50 nodes, and what a frozen one does to it.

    BUILD=build test/process/figure_agreement.py
    ATTUNE_WRITES=200 ATTUNE_NODES="3 16 50"

One write at a time, to one node after the other, each answered when every member has it on its disk: PUT ...?wait=30s. The
same without `wait` beside it, for the share that is the write's own. Then one node is frozen: it must be named at the
deadline, and with skip_dead the write must go through once that one is dead. All runs on one machine: 50 processes share
its processors, and this program is one more.
"""
import os
import time

from nodes import Nodes, expect, number, percentile, run, schema, until

DEADLINE_SECONDS = 2


def timed(node, path, body):
    begin = time.perf_counter()
    node.write("PUT", path, body)
    return (time.perf_counter() - begin) * 1000


def state_of(node, name):
    return {member["name"]: member["state"] for member in node.get("/v1/members")["members"]}[name]


def frozen(nodes):
    """What becomes of a wait while the last node is frozen, and when it is dead."""
    victim = nodes[-1]
    victim.freeze()
    begin = time.monotonic()
    status, answer = nodes[0].ask("PUT", f"/v1/schemas/frozen?wait={DEADLINE_SECONDS}s", schema("a"))
    seconds = time.monotonic() - begin
    expect(status == 504, "the wait with a frozen node was answered", status, answer)
    missing = [m["name"] for m in answer["error"]["details"] if m["state"] != "agreed"]
    expect(missing == [victim.name], "other than the frozen node is named", answer)
    until(lambda: state_of(nodes[0], victim.name) == "dead", "the frozen node is not dead", 120)
    dead_seconds = time.monotonic() - begin
    skipped = timed(nodes[0], "/v1/schemas/frozen?wait=30s&skip_dead=1", schema("a", "b"))
    victim.thaw()
    status, answer = nodes[0].ask("POST", "/v1/agreement", {"timeout": "60s"})
    expect(status == 200, "no agreement after the thaw", answer)
    return (f"frozen: {victim.name} named after {seconds:.2f} s of {DEADLINE_SECONDS}, dead after {dead_seconds:.0f} s, "
            f"then {skipped:.1f} ms with skip_dead")


def figure(count):
    with Nodes(count) as nodes:
        nodes.await_equal()
        plain, waited = [], []
        for i in range(number("WRITES", 200)):
            node = nodes[i % count]
            plain.append(timed(node, f"/v1/schemas/plain_{i}", schema("a", "b")))
            waited.append(timed(node, f"/v1/schemas/waited_{i}?wait=30s", schema("a", "b")))
        text = frozen(nodes)
    return (f"{count} nodes, {len(waited)} writes: with wait p50 {percentile(waited, 50):.2f} ms, p99 "
            f"{percentile(waited, 99):.2f}, max {max(waited):.2f}; without p50 {percentile(plain, 50):.2f}, p99 "
            f"{percentile(plain, 99):.2f}; {text}")


run(lambda: "\n".join(figure(int(count)) for count in os.environ.get("ATTUNE_NODES", "3 16 50").split()))
