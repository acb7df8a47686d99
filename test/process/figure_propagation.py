#!/usr/bin/env python3
"""figure_propagation.py - how long a single write takes until it is visible on all of 3 and of 16 nodes.

    BUILD=build test/process/figure_propagation.py
    ATTUNE_WRITES=100 ATTUNE_NODES="3 16"

Each node logs what became stored, hence visible, on it (level debug) into a pipe; the time is from before the request to
one node until the line of the last node was read. Between writes the cluster rests; and after every few of them for so
long that the log's limit of lines (20 of a kind in 10 s) leaves none out. All runs on one machine: 16 processes
share its processors, and this program is one more.
"""
import os
import selectors
import time

from nodes import Failure, Nodes, number, percentile, run, schema

REST_SECONDS = 0.1
LINES_PER_WINDOW = 18
WINDOW_SECONDS = 10.2


class Logs:
    """Reads the logs of all nodes as they come."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.rests = {}

    def add(self, node, pipe):
        os.set_blocking(pipe, False)
        self.selector.register(pipe, selectors.EVENT_READ, node)
        self.rests[pipe] = b""

    def lines(self, seconds_max):
        """(node, line, when it was read) of what has come, waiting at most so long."""
        for key, _ in self.selector.select(seconds_max):
            try:
                data = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            now = time.perf_counter()
            *whole, self.rests[key.fd] = (self.rests[key.fd] + data).split(b"\n")
            for line in whole:
                yield key.data, line, now


def start(nodes, logs):
    for node in nodes:
        reader, writer = os.pipe()
        node.start(arguments=[*nodes.joins(node), "--log-level", "debug"], stderr=writer)
        os.close(writer)
        logs.add(node, reader)
    nodes.await_ready()
    nodes.await_equal()


def one_write(nodes, logs, i):
    for _ in logs.lines(0):
        pass
    entity = f"entity_{i:06}"
    waits = {node.name for node in nodes}
    word = f" {entity}:".encode()
    begin = time.perf_counter()
    nodes[i % len(nodes)].write("PUT", f"/v1/schemas/{entity}", schema("a", "b"))
    acknowledged = time.perf_counter() - begin
    last = begin
    while waits:
        for node, line, now in logs.lines(1):
            if word in line and node.name in waits:
                waits.remove(node.name)
                last = now
        if time.perf_counter() > begin + 30:
            raise Failure(f"{entity} is not on {waits}")
    return acknowledged, last - begin


def drain(logs, seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in logs.lines(max(0.001, end - time.perf_counter())):
            pass


def figure(count):
    logs = Logs()
    with Nodes(count, start=False) as nodes:
        start(nodes, logs)
        results = []
        for i in range(number("WRITES", 100)):
            drain(logs, WINDOW_SECONDS if i % LINES_PER_WINDOW == 0 and i > 0 else REST_SECONDS)
            results.append(one_write(nodes, logs, i))
    acknowledged, everywhere = [[seconds * 1000 for seconds in column] for column in zip(*results)]
    return (f"{count} nodes, {len(results)} writes: acknowledged p50 {percentile(acknowledged, 50):.2f} ms, p99 "
            f"{percentile(acknowledged, 99):.2f}; on all p50 {percentile(everywhere, 50):.2f} ms, p99 "
            f"{percentile(everywhere, 99):.2f}, max {max(everywhere):.2f}")


run(lambda: "\n".join(figure(int(count)) for count in os.environ.get("ATTUNE_NODES", "3 16").split()))
