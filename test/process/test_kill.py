#!/usr/bin/env python3
"""test_kill.py - kill -9 of all nodes amid writes takes back nothing that was acknowledged (G2), and leaves them equal (G1).

    ATTUNE_TRIES=100 test/process/test_kill.py

Every writer has keys of its own and changes them one after the other: bodies that differ each time, and drops. So of each
key is known what was acknowledged last, and what was tried after it without an answer. After the restart each node must
have the former or one of the latter.
"""
import itertools
import random
import threading
import time

from nodes import Nodes, expect, number, run, same_exports, schema
import json

NODES = 3
WRITERS_PER_NODE = 3
KEYS_PER_WRITER = 12
DROP_EVERY = 5


class Writer(threading.Thread):
    def __init__(self, node, name, known, counter):
        super().__init__(daemon=True)
        self.node = node
        self.keys = [f"{name}_{i}" for i in range(KEYS_PER_WRITER)]
        self.known = known  # key -> [what was acknowledged last, what was tried after it...]; None: not there
        self.counter = counter
        self.acknowledged = 0
        self.refused = 0

    def run(self):
        for step in itertools.count():
            key = self.keys[step % KEYS_PER_WRITER]
            there = self.known.setdefault(key, [None])
            drop = step % DROP_EVERY == 0 and there[-1] is not None
            content = None if drop else f"f{next(self.counter)}"
            there.append(content)
            try:
                if drop:
                    status, _ = self.node.ask("DELETE", f"/v1/schemas/{key}")
                else:
                    status, _ = self.node.ask("PUT", f"/v1/schemas/{key}", schema(content))
            except OSError:
                return  # killed: what was tried may be there or not
            if status in (200, 201):
                self.acknowledged += 1
                self.known[key] = [content]
            else:
                self.refused += 1
                there.pop()


def found(export):
    lines = [json.loads(line) for line in export.splitlines()]
    return {line["entity"]: next(iter(line["fields"])) for line in lines}


def one_try(nodes, known, counter, chance):
    writers = [Writer(node, f"w_{node.name}_{i}", known, counter) for node in nodes for i in range(WRITERS_PER_NODE)]
    for writer in writers:
        writer.start()
    time.sleep(chance.uniform(0.05, 0.5))
    # All at once, as when the power goes; no reply is waited for.
    for node in nodes:
        node.signal(9)
    for writer in writers:
        writer.join(30)
        expect(not writer.is_alive(), "a writer hangs on a connection of a node that was killed")
    for node in nodes:
        node.kill()
    nodes.restart()
    nodes.await_ready()
    seconds = nodes.await_equal()
    there = found(same_exports(nodes))
    for key, contents in known.items():
        expect(there.get(key) in contents,
               f"{key} has {there.get(key)}: acknowledged was {contents[0]}, then tried {contents[1:]}")
        known[key] = [there.get(key)]
    expect(set(there) <= set(known), "there is an entry that nobody wrote")
    return sum(writer.acknowledged for writer in writers), sum(writer.refused for writer in writers), seconds


def test():
    tries = number("TRIES", 5)
    chance = random.Random(number("SEED", 1))
    known = {}
    counter = itertools.count()
    results = []
    with Nodes(NODES) as nodes:
        for _ in range(tries):
            results.append(one_try(nodes, known, counter, chance))
        expect(all(acknowledged > 0 for acknowledged, _, _ in results), "a try acknowledged nothing", results)
        futile = sum(node.metric("attune_futile_exchanges_total") for node in nodes)
        expect(futile == 0, "futile exchanges", futile)
    return (f"{tries} times all of {NODES} killed: {sum(r[0] for r in results)} acknowledged writes, none missing, "
            f"{sum(r[1] for r in results)} refused; equal at most {max(r[2] for r in results):.2f} s after all were ready")


run(test)
