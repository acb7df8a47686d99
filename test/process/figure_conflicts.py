#!/usr/bin/env python3
"""figure_conflicts.py - 5 nodes are split into 2 and 3, both sides write the same 20 entries, the split heals, 20 conflicts.

    BUILD=build test/process/figure_conflicts.py
    ATTUNE_SPLITS="5 60"        seconds of each split

Each side is a network namespace, both are ports of one bridge, and the split isolates the ports from each other: packets
vanish and nobody is told, while this program goes on asking all nodes. Of the 20 entries some are new, some were there
before, and some are dropped by one side and changed by the other. While it lasts nobody knows of a conflict; afterwards
every node must show the same 20, with both versions and who wrote them (G7), and one attunectl resolve for each, on any
node, must leave what was chosen on all. Needs root.
"""
import atexit
import json
import os
import random
import subprocess
import time

from nodes import BUILD, Nodes, expect, run, same_exports, schema, until

SIDES = (2, 3)
ENTRIES = 20
POLL_SECONDS_MAX = 180
KINDS = {"schema": "schemas", "constraint": "constraints", "index": "indexes"}


class Network:
    """    side 0: 10.99.N.2 ---+
                                +-- bridge 10.99.N.1: this program
           side 1: 10.99.N.3 ---+
    """

    def __init__(self, sides):
        self.name = f"atsp{os.getpid()}"
        self.subnet = f"10.99.{random.randrange(256)}"
        self.sides = range(sides)

    def __enter__(self):
        atexit.register(self.close)
        self.ip(f"link add {self.name} type bridge", f"addr add {self.subnet}.1/24 dev {self.name}", f"link set {self.name} up")
        for side in self.sides:
            self.ip(f"netns add {self.name}-{side}",
                    f"link add {self.name}-{side} type veth peer name eth0 netns {self.name}-{side}",
                    f"link set {self.name}-{side} master {self.name} up",
                    f"-n {self.name}-{side} addr add {self.address(side)}/24 dev eth0",
                    f"-n {self.name}-{side} link set eth0 up", f"-n {self.name}-{side} link set lo up")
        return self

    def __exit__(self, *_):
        self.close()

    def ip(self, *commands, check=True):
        for command in commands:
            done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
            expect(done.returncode == 0 or not check, f"ip {command}:", done.stderr)

    def close(self):
        for side in self.sides:
            self.ip(f"netns del {self.name}-{side}", check=False)
        self.ip(f"link del {self.name}", check=False)

    def address(self, side):
        return f"{self.subnet}.{2 + side}"

    def inside(self, side):
        return ["ip", "netns", "exec", f"{self.name}-{side}"]

    def isolate(self, isolated):
        """Ports that are isolated do not hear each other; the bridge itself hears and reaches both."""
        for side in self.sides:
            self.ip(f"link set dev {self.name}-{side} type bridge_slave isolated {'on' if isolated else 'off'}")


class Entry:
    """One of the 20: what each side makes of it, and who is asked to; `None` drops it."""

    def __init__(self, number):
        self.number = number
        self.kind = "schema" if number < 12 else "constraint" if number < 16 else "index"
        self.entity = f"e{number}" if self.kind == "schema" else "base"
        self.name = "" if self.kind == "schema" else f"{self.kind}_{number}"
        self.before = self.body("a") if number % 2 else None
        self.written = [self.body("b"), self.body("c")]
        if number % 6 == 5:
            self.written[number % 4 // 2] = None
        self.writers = [None, None]
        self.taken = number // 2 % 2

    def body(self, field):
        """Constraints of one meaning are refused, so each has fields of its own."""
        if self.kind == "schema":
            return {"fields": {field: {"type": "string", "required": False}}}
        fields = [f"{field}{self.number}"]
        return {"type": "unique", "fields": fields} if self.kind == "constraint" else {"fields": fields}

    def path(self):
        return "/".join(["/v1", KINDS[self.kind], self.entity] + [self.name] * (self.name != ""))

    def key(self):
        return [self.kind, self.entity] + [self.name] * (self.name != "")

    def write(self, side, node):
        self.writers[side] = node.name
        if self.written[side] is None:
            node.write("DELETE", self.path())
        else:
            node.write("PUT", self.path(), self.written[side])


def ctl(node, *arguments):
    done = subprocess.run([os.path.join(BUILD, "attunectl"), "--http", f"http://{node.http_address}", *arguments],
                          capture_output=True, text=True, timeout=60, check=False)
    expect(done.returncode == 0, f"attunectl {' '.join(arguments)} ended with {done.returncode}:", done.stderr)
    return done.stdout


def conflicts(node):
    return node.get("/v1/conflicts")["conflicts"]


def says(shown, written):
    """What is shown has more keys than what was written."""
    return shown is None if written is None else all(shown.get(key) == value for key, value in written.items())


def write_apart(entries, sides):
    for number, entry in enumerate(entries):
        for side, nodes in enumerate(sides):
            entry.write(side, nodes[number % len(nodes)])
    for side in sides:
        until(lambda side=side: len({node.root() for node in side}) == 1, "one side is not equal in itself")
    roots = {side[0].root() for side in sides}
    expect(len(roots) == len(sides), "the sides are equal although they are split")


def explained(entries, nodes):
    """`why` on each node names both versions, who wrote them and what they say; as a table, too."""
    for entry in entries:
        for node in nodes:
            why = json.loads(ctl(node, "why", *entry.key(), "--format", "json"))
            versions = {version["node"]: version for version in why["versions"]}
            expect(why["conflict"] and len(why["versions"]) == 2 and sorted(versions) == sorted(entry.writers),
                   f"{node.name}: why {entry.key()} does not name {entry.writers}", why)
            for writer, written in zip(entry.writers, entry.written):
                expect(says(versions[writer]["body"], written), f"{node.name}: that is not what {writer} wrote", why)
                expect((versions[writer]["state"] == "dropped") == (written is None), "dropped or not", why)
            table = ctl(node, "why", *entry.key(), "--format", "table")
            expect("in conflict" in table and all(writer in table for writer in entry.writers),
                   f"{node.name}: the table of why does not say so", table)
    return len(entries) * len(nodes)


def resolve(entries, nodes):
    """Returns when the last command was started."""
    for number, entry in enumerate(entries):
        begin = time.monotonic()
        ctl(nodes[number % len(nodes)], "resolve", *entry.key(), "--take", entry.writers[entry.taken])
    return begin


def chosen(entries, nodes):
    for entry in entries:
        written = entry.written[entry.taken]
        for node in nodes:
            status, shown = node.ask("GET", entry.path())
            expect(status == (404 if written is None else 200), f"{node.name}: {entry.path()} is {status}", shown)
            expect(written is None or (says(shown, written) and not shown["conflict"]),
                   f"{node.name}: {entry.path()} is not what was taken", shown)


def split(network, nodes, sides, split_seconds):
    """One split from the writes before it to the last resolve."""
    entries = [Entry(number) for number in range(ENTRIES)]
    nodes[0].write("PUT", "/v1/schemas/base", schema(*[f"{field}{number}" for field in "abc" for number in range(ENTRIES)]))
    for entry in entries:
        if entry.before is not None:
            nodes[0].write("PUT", entry.path(), entry.before)
    nodes.await_equal()
    network.isolate(True)
    begin = time.monotonic()
    write_apart(entries, sides)
    time.sleep(max(0.0, begin + split_seconds - time.monotonic()))
    expect(all(not conflicts(node) for node in nodes), "there are conflicts during the split")
    states = sorted(member["state"] for member in nodes[0].get("/v1/members")["members"] if member["name"] in
                    [node.name for node in sides[1]])
    network.isolate(False)
    begin = time.monotonic()
    until(lambda: all(len(conflicts(node)) == ENTRIES for node in nodes),
          lambda: f"conflicts: {[len(conflicts(node)) for node in nodes]}", POLL_SECONDS_MAX)
    healed_seconds = time.monotonic() - begin
    nodes.await_equal()
    shown = [conflicts(node) for node in nodes]
    expect(all(one == shown[0] for one in shown), "the conflicts are not the same on all", shown)
    expect(all(node.metric("attune_conflicts") == ENTRIES for node in nodes), "the metric is not 20 on all")
    asked = explained(entries, nodes)
    begin = resolve(entries, nodes)
    until(lambda: len({node.root() for node in nodes}) == 1 and not any(conflicts(node) for node in nodes),
          lambda: f"conflicts: {[len(conflicts(node)) for node in nodes]}, roots {[node.root() for node in nodes]}")
    resolved_seconds = time.monotonic() - begin
    chosen(entries, nodes)
    same_exports(nodes)
    return (f"split of {split_seconds} s into {SIDES[0]} and {SIDES[1]} (the others {', '.join(states)} in the end): {ENTRIES} "
            f"conflicts, the same on all {len(nodes)} nodes, {healed_seconds:.2f} s after the heal; {asked} times why named both "
            f"versions; one resolve each, and 0 conflicts and equal roots {resolved_seconds * 1000:.0f} ms after the start of the "
            f"last one, with what was taken")


def cleared(nodes):
    """Leaves nothing of one split to the next."""
    for one in nodes[0].get("/v1/schemas")["schemas"]:
        nodes[0].write("DELETE", f"/v1/schemas/{one['entity']}?cascade=1")
    until(lambda: all(node.metric("attune_tombstones") == 0 for node in nodes), "tombstones are left", POLL_SECONDS_MAX)
    nodes.await_equal()


def figure():
    lines = []
    with Network(len(SIDES)) as network, Nodes(sum(SIDES), options=["--insecure"], start=False) as nodes:
        sides = [nodes.list[:SIDES[0]], nodes.list[SIDES[0]:]]
        for side, members in enumerate(sides):
            for node in members:
                node.gossip = node.http_address = f"{network.address(side)}:0"
                node.start(before=network.inside(side), arguments=nodes.joins(node))
        nodes.await_ready()
        for seconds in os.environ.get("ATTUNE_SPLITS", "5 60").split():
            lines.append(split(network, nodes, sides, int(seconds)))
            cleared(nodes)
    return "\n".join(lines)


run(figure)
