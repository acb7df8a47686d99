#!/usr/bin/env python3
"""figure_churn.py - schemas are made and dropped, 100,000 times, on 5 nodes of which one is away for the first half.

    BUILD=build test/process/figure_churn.py
    ATTUNE_CYCLES=100000 ATTUNE_CLIENTS=16 ATTUNE_NODES=5

While the node is away its absence holds every tombstone (DESIGN 4.7); when it is back all of them must leave the store of
every node, and the file must be as small as at the start. A reader asks all nodes the whole time whether a schema whose
drop was acknowledged is live on the node that acknowledged it, and at the end on any: what was dropped never comes back.
"""
import os
import random
import threading
import time

from nodes import Nodes, expect, number, run, schema, until

CYCLES = number("CYCLES", 100000)
CLIENTS = number("CLIENTS", 16)
NODES = number("NODES", 5)
QUIET_SECONDS_MAX = 600


class Load:
    def __init__(self, nodes):
        self.nodes = nodes
        self.lock = threading.Lock()
        self.next = 0
        self.dropped = []
        self.failures = []

    def cycles(self, until_cycle, targets):
        while not self.failures:
            with self.lock:
                i = self.next
                if i >= until_cycle:
                    return
                self.next += 1
            node = targets[i % len(targets)]
            try:
                node.write("PUT", f"/v1/schemas/cycle_{i}", schema("a", "b"))
                node.write("DELETE", f"/v1/schemas/cycle_{i}")
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(f"cycle {i}: {error}")
                return
            with self.lock:
                self.dropped.append((i, node))

    def run(self, until_cycle, targets):
        threads = [threading.Thread(target=self.cycles, args=(until_cycle, targets)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not self.failures, "the load failed:", *self.failures[:3])

    def look(self, stop):
        """Asks at random for what was dropped; nobody may have it."""
        while not stop.is_set() and not self.failures:
            with self.lock:
                sample = random.sample(self.dropped, min(20, len(self.dropped)))
            for i, node in sample:
                try:
                    status, answer = node.ask("GET", f"/v1/schemas/cycle_{i}")
                except OSError:
                    continue  # it is away
                if status != 404:
                    self.failures.append(f"cycle_{i} is live on {node.name}: {status} {answer}")
            time.sleep(0.05)


def file_size(node):
    return os.path.getsize(os.path.join(node.directory, "catalog.db"))


def tombstones(node):
    return int(node.metric("attune_tombstones"))


def figure():
    with Nodes(NODES) as nodes:
        nodes.await_equal()
        for i in range(10):
            nodes[0].write("PUT", f"/v1/schemas/stays_{i}", schema("a"))
        nodes.await_equal()
        sizes_before = [file_size(node) for node in nodes]
        load = Load(nodes)
        stop = threading.Event()
        watcher = threading.Thread(target=load.look, args=(stop,), daemon=True)
        watcher.start()
        begin = time.monotonic()
        away = nodes[NODES - 1]
        others = [node for node in nodes if node is not away]
        away.kill()
        load.run(CYCLES // 2, others)
        held = tombstones(nodes[0])
        size_held = file_size(nodes[0])
        status = nodes[0].get("/v1/status")
        away.start(arguments=nodes.joins(away))
        load.run(CYCLES, list(nodes))
        load_seconds = time.monotonic() - begin
        begin = time.monotonic()
        until(lambda: all(tombstones(node) == 0 for node in nodes),
              lambda: f"tombstones are left: {[tombstones(node) for node in nodes]}", QUIET_SECONDS_MAX)
        gone_seconds = time.monotonic() - begin
        nodes.await_equal()
        stop.set()
        watcher.join()
        until(lambda: all(file_size(node) <= 2 * before + 65536 for node, before in zip(nodes, sizes_before)),
              lambda: f"files of {[file_size(node) for node in nodes]} bytes, before {sizes_before}", 60)
        expect(not load.failures, "", *load.failures[:3])
        for node in nodes:
            expect(node.entries() == 10, f"{node.name} has {node.entries()} entries")
        warned = [w["message"] for w in status["warnings"]]
        return (f"{CYCLES} cycles on {NODES} nodes in {load_seconds:.0f} s ({2 * CYCLES / load_seconds:.0f} writes/s); "
                f"{held} tombstones and {size_held} bytes while one was away ({'; '.join(warned) or 'no warning'}); "
                f"all gone {gone_seconds:.0f} s after the last drop; files {sizes_before} bytes before, "
                f"{[file_size(node) for node in nodes]} after")


run(figure)
