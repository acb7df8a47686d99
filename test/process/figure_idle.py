#!/usr/bin/env python3
"""figure_idle.py - what 16 nodes that agree cost at rest: bytes and messages a second, processor time, memory.

    ATTUNE_SECONDS=60 ATTUNE_NODES=16 BUILD=build test/process/figure_idle.py

Bytes are of whole frames, as the nodes count them. Each node is asked for its metrics twice, before and after.
"""
import time

from nodes import Nodes, number, run, schema


def total(series, name):
    return sum(value for key, value in series.items() if key.startswith(name))


def sample(nodes):
    metrics = [node.metrics() for node in nodes]
    return {
        "sent": [total(m, 'attune_exchange_bytes_total{direction="sent"') for m in metrics],
        "messages": [m['attune_messages_total{direction="sent"}'] for m in metrics],
        "entries": [total(m, "attune_entries_transferred_total") for m in metrics],
        "cpu": [node.cpu_seconds() for node in nodes],
    }


def test():
    count, seconds, entries = number("NODES", 16), number("SECONDS", 60), number("ENTRIES", 100)
    with Nodes(count) as nodes:
        memory = [node.memory() for node in nodes]
        for i in range(entries):
            nodes[0].write("PUT", f"/v1/schemas/t{i}", schema("a", "b"))
        nodes.await_equal()
        time.sleep(5)
        before, begin = sample(nodes), time.monotonic()
        time.sleep(seconds)
        after, elapsed = sample(nodes), time.monotonic() - begin
        each = {key: [(b - a) / elapsed for a, b in zip(before[key], after[key])] for key in before}
        for phase in ("hello", "digest", "walk", "entries", "push", "members"):
            rate = sum(n.metrics()[f'attune_exchange_bytes_total{{direction="sent",phase="{phase}"}}'] for n in nodes)
            print(f"phase {phase}: {rate / count:.0f} bytes a node since the start")
        return (f"{count} nodes at rest for {elapsed:.0f} s: {sum(each['sent']) / count:.0f} bytes/s sent a node (max "
                f"{max(each['sent']):.0f}), {sum(each['messages']) / count:.1f} messages/s, {sum(each['entries']):.0f} "
                f"entries/s, {100 * sum(each['cpu']) / count:.3f} % CPU a node (max {100 * max(each['cpu']):.3f}); empty RSS "
                f"{sum(m[0] for m in memory) / count:.0f} kB, private {sum(m[1] for m in memory) / count:.0f} kB")


run(test)
