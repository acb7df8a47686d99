#!/usr/bin/env python3
"""test_freeze.py - a node frozen through writes and drops has them soon after it thaws, also if every push is lost (G1).

    ATTUNE_TRIES=20 test/process/test_freeze.py

This is the failure that started the project: a node that was stopped while others changed the catalog. Every other try it
stays frozen until its peers have declared it dead, so that it must also find its way back among them. With all pushes lost
(ATTUNE_TEST_PUSHES_LOST=1, a switch of attuned for tests) the timer exchange alone has to heal, on every node.
"""
import json
import random
import time

from nodes import Nodes, expect, number, percentile, run, same_exports, schema, until

NODES = 3
CHANGES = 50
INTERVAL_MS = number("INTERVAL_MS", 1000)
# Two intervals, and what it takes to notice the end of connections that died meanwhile. G1 allows 2 log2(3) + 8.
INTERVALS_MAX = 12


def change(nodes, frozen, attempt, chance):
    """50 writes and drops on the nodes that run; returns the entities that must be there and those that must not."""
    writers = [node for node in nodes if node is not frozen]
    there, gone = {}, set()  # entity -> the node that wrote it: the others may not have it yet
    plain = []
    for i in range(CHANGES):
        if i % 5 == 4:
            entity = chance.choice(sorted(there))
            there.pop(entity).write("DELETE", f"/v1/schemas/{entity}?cascade=1")
            gone.add(entity)
        elif i % 5 == 3:
            entity = plain.pop()
            there[entity].write("PUT", f"/v1/constraints/{entity}/c{i}", {"type": "unique", "fields": ["a"]})
        else:
            entity = f"t{attempt}_{i}"
            there[entity] = chance.choice(writers)
            there[entity].write("PUT", f"/v1/schemas/{entity}", schema("a", f"f{i}"))
            plain.append(entity)
        plain = [entity for entity in plain if entity in there]
    return set(there), gone


def one_try(nodes, attempt, chance):
    frozen = nodes[1 + attempt % (NODES - 1)]
    nodes.await_equal()
    frozen.freeze()
    others = [node for node in nodes if node is not frozen]
    there, gone = change(nodes, frozen, attempt, chance)
    if attempt % 2 == 1:
        until(lambda: all(any(member["name"] == frozen.name and member["state"] == "dead"
                              for member in node.get("/v1/members")["members"]) for node in others),
              f"{frozen.name} is not dead to its peers")
    frozen.thaw()
    seconds = nodes.await_equal(INTERVALS_MAX * INTERVAL_MS / 1000)
    entities = {json.loads(line)["entity"] for line in same_exports(nodes).splitlines()}
    expect(there <= entities, "entries are missing everywhere", there - entities)
    expect(not gone & entities, "dropped entries are back", gone & entities)
    return seconds * 1000 / INTERVAL_MS


def tries(pushes_lost, count):
    environment = {"ATTUNE_TEST_PUSHES_LOST": "1"} if pushes_lost else {}
    chance = random.Random(number("SEED", 1))
    with Nodes(NODES, ["--interval", f"{INTERVAL_MS}ms"], environment=environment) as nodes:
        intervals = [one_try(nodes, attempt, chance) for attempt in range(count)]
        repaired = sum(node.metric("attune_entries_repaired_total") for node in nodes)
        kept = count * CHANGES * 4 // 5 * (NODES - 1)  # dropped ones included, on each other node
        expect(not pushes_lost or repaired >= kept, "pushes went through, as exchanges repaired only", repaired, kept)
        futile = sum(node.metric("attune_futile_exchanges_total") for node in nodes)
        expect(futile == 0, "futile exchanges", futile)
    return intervals


def describe(intervals):
    short, long = intervals[0::2], intervals[1::2]
    words = [f"p50 {percentile(intervals, 50):.2f}, max {max(intervals):.2f}"]
    if long:
        words.append(f"of them frozen briefly max {max(short):.2f}, until declared dead max {max(long):.2f}")
    return "; ".join(words)


def test():
    count = number("TRIES", 2)
    thawed, lost = tries(False, count), tries(True, count)
    print(f"intervals until equal, {count} tries: {describe(thawed)}")
    print(f"with all pushes lost: {describe(lost)}")
    print("each:", " ".join(f"{value:.2f}" for value in thawed), "|", " ".join(f"{value:.2f}" for value in lost))
    return (f"{count} tries each of {INTERVAL_MS} ms: equal within {max(thawed):.2f} intervals of the thaw, "
            f"{max(lost):.2f} with all pushes lost")


run(test)
