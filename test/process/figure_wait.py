#!/usr/bin/env python3
"""figure_wait.py - how long a write with ?wait takes: until every one of 3, 16 and 50 nodes has it on disk and has said so.

    BUILD=build test/process/figure_wait.py
    ATTUNE_WRITES=200 ATTUNE_NODES="3 16 50"

The time is that of the whole request on one node, each time another one; beside it the same write without wait. Then one
node is frozen: the answer names it at the deadline, and with skip_dead the write succeeds once it is dead. All runs on one
machine: 50 processes share its processors and its disk.
"""
import os
import time

from nodes import Nodes, expect, number, percentile, run, schema, until

REST_SECONDS = 0.02


def timed(node, path, body, status=(200, 201)):
    begin = time.perf_counter()
    got, answer = node.ask("PUT", path, body)
    seconds = time.perf_counter() - begin
    expect(got in status, f"{node.name}: PUT {path} answered {got}", answer)
    return seconds, answer


def measure(nodes, writes):
    plain, waited = [], []
    for i in range(writes):
        node = nodes[i % len(nodes)]
        plain.append(timed(node, f"/v1/schemas/plain{i % 50}", schema(f"f{i}"))[0])
        time.sleep(REST_SECONDS)
        waited.append(timed(node, f"/v1/schemas/waited{i % 50}?wait=30s", schema(f"f{i}"))[0])
        time.sleep(REST_SECONDS)
    return plain, waited


def frozen(nodes):
    """The last node stops answering: (seconds until it is named, seconds until skip_dead does without it)."""
    last = nodes[len(nodes) - 1]
    last.freeze()
    seconds, answer = timed(nodes[0], "/v1/schemas/frozen?wait=1s", schema("a"), (504,))
    lacking = [member["name"] for member in answer["error"]["details"] if member["state"] != "agreed"]
    expect(lacking == [last.name], "who lacks it is not named", answer)
    begin = time.perf_counter()
    until(lambda: nodes[0].ask("PUT", "/v1/schemas/frozen?wait=200ms&skip_dead=1", schema("b"))[0] in (200, 201),
          "skip_dead never succeeds", 120)
    dead = time.perf_counter() - begin
    last.thaw()
    return seconds, dead


def test():
    writes = number("WRITES", 200)
    sizes = [int(word) for word in os.environ.get("ATTUNE_NODES", "3 16 50").split()]
    for size in sizes:
        with Nodes(size) as nodes:
            nodes.await_equal()
            plain, waited = measure(nodes, writes)
            print(f"{size} nodes, {writes} writes: plain p50 {percentile(plain, 50) * 1000:.1f} ms, "
                  f"p99 {percentile(plain, 99) * 1000:.1f} ms; with wait p50 {percentile(waited, 50) * 1000:.1f} ms, "
                  f"p99 {percentile(waited, 99) * 1000:.1f} ms", flush=True)
            named, dead = frozen(nodes)
            print(f"{size} nodes, one frozen: named after {named:.2f} s (deadline 1 s); skip_dead succeeds "
                  f"{dead:.1f} s later", flush=True)
    return "done"


if __name__ == "__main__":
    run(test)
