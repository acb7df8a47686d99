#!/usr/bin/env python3
"""chaos_staged_kill.py - staged changes while all nodes are killed and started again, one after the other; who is where, from logs.

    BUILD=build test/process/chaos_staged_kill.py
    ATTUNE_CHANGES=20 ATTUNE_NODES=5

A client stages one change after the other (set, another body, drop), repeats what was not agreed in time, and asks another
node each time; meanwhile kill -9 goes round all nodes. Every node logs each state of the schema as it becomes stored (level
debug) before it confirms it. The logs are merged by time and clock, and at every moment no two nodes may be more than one
state apart (DESIGN 7.6):

    absent - pending_add - active - pending_drop - absent          active - pending_change - active

What a killed node had stored and not logged is what it has when it is up again: while it is down it may be in either state.
"""
import datetime
import re
import threading
import time

from nodes import Nodes, expect, number, run, schema

CHANGES = number("CHANGES", 60)
NODES = number("NODES", 5)
DOWN_SECONDS = 0.2
UP_SECONDS = 0.4
# The log takes 20 lines of a kind in 10 s; a change is two.
CHANGES_PER_WINDOW = 8
WINDOW_SECONDS = 10.3
LOGGED = ["--log-level", "debug", "--log-format", "text"]

NEIGHBOURS = {frozenset(pair) for pair in [
    ("absent", "pending_add"), ("pending_add", "active"), ("active", "pending_drop"), ("pending_drop", "absent"),
    ("active", "pending_change")]}


def clock_now(node):
    """The clock of the schema's version in force on this node: it names the version. 0 if there is none (any more)."""
    status, answer = node.ask("GET", "/v1/why/schema/posts")
    return 0 if status == 404 else int(answer["versions"][-1]["clock"], 16)


def wall_ms():
    return int(time.time() * 1000)


def killer(nodes, stop, kills):
    """Notes for each kill: the node, when it was killed, when it was up again, and at which version it stood then."""
    turn = 0
    while not stop.is_set():
        node = nodes[turn % NODES]
        turn += 1
        killed = wall_ms()
        node.kill()
        time.sleep(DOWN_SECONDS)
        node.start(arguments=[*nodes.joins(node), *LOGGED])
        kills.append((node.name, killed, wall_ms(), clock_now(node)))
        stop.wait(UP_SECONDS)


def ask(nodes, turn, method, path, body=None):
    """Asks one node after the other until the change is done."""
    deadline = time.monotonic() + 180
    attempts = 0
    while True:
        node = nodes[(turn + attempts) % NODES]
        attempts += 1
        expect(time.monotonic() < deadline, f"{method} {path} is not done after 180 s and {attempts} attempts")
        try:
            status, answer = node.ask(method, path, body, seconds_max=15)
        except (OSError, AttributeError):
            time.sleep(0.1)
            continue
        if status in (200, 201) or (method == "DELETE" and status == 404):
            return attempts
        expect(status in (503, 504, 409), f"{node.name} answered {status}", answer)
        time.sleep(0.1)


def changes(nodes):
    attempts = 0
    window = time.monotonic()
    for i in range(CHANGES):
        if i % CHANGES_PER_WINDOW == 0 and i > 0:
            time.sleep(max(0.0, window + WINDOW_SECONDS - time.monotonic()))
            window = time.monotonic()
        kind = i % 3
        if kind == 2:
            attempts += ask(nodes, i, "DELETE", "/v1/schemas/posts?staged=1&wait=8s")
        else:
            attempts += ask(nodes, i, "PUT", "/v1/schemas/posts?staged=1&wait=8s", schema("a", *["b"] * kind))
    return attempts


LINE = re.compile(r"^(\S+) .*schema posts: number \d+, (\w+)(, in conflict)?, clock ([0-9a-f]{16})")


def logged(node):
    """(ms, clock, state) of each change that became stored, as the node logged it."""
    found = []
    with open(node.log, encoding="utf-8", errors="replace") as log:
        for line in log:
            match = LINE.search(line)
            if match:
                expect(not match[3], f"{node.name} has a conflict", line)
                when = datetime.datetime.fromisoformat(match[1].replace("Z", "+00:00"))
                found.append((int(when.timestamp() * 1000), int(match[4], 16), match[2]))
    return found


def chain_of(nodes):
    """What each version is, by its clock: pending_add over an active schema is a state of its own."""
    states = {0: "absent"}
    for node in nodes:
        for _, clock, state in logged(node):
            state = "absent" if state == "dropped" else state
            expect(states.setdefault(clock, state) == state, f"version {clock:x} is two things", states[clock], state)
    chain, before = {}, "absent"
    for clock in sorted(states):
        over = states[clock] == "pending_add" and before == "active"
        chain[clock] = "pending_change" if over else states[clock]
        before = states[clock]
    return chain


def near(chain, one, other):
    return chain[one] == chain[other] or frozenset((chain[one], chain[other])) in NEIGHBOURS


def judge(nodes, kills):
    """Walks through all changes in order of time; within one millisecond in order of clocks, for each is stored after the
    one before it was confirmed. `may_be` has the versions at which a node may stand."""
    chain = chain_of(nodes)
    events = [(when, clock, node.name, "stored") for node in nodes for when, clock, _ in logged(node)]
    for name, killed, up, clock in kills:
        events.append((killed, clock, name, "killed"))
        events.append((up, clock, name, "up"))
    may_be = {node.name: {0} for node in nodes}
    for when, clock, name, what in sorted(events):
        expect(clock in chain, f"{name} came up with version {clock:x}, which nobody logged", sorted(chain))
        if what == "killed":
            may_be[name] = may_be[name] | {clock}
        elif what == "up":
            may_be[name] = {clock}
        elif len(may_be[name]) == 1:
            may_be[name] = {max(clock, *may_be[name])}
        for one in nodes:
            for other in nodes:
                fits = any(near(chain, a, b) for a in may_be[one.name] for b in may_be[other.name])
                expect(fits, f"at {when} {one.name} and {other.name} are more than one state apart",
                       {key: [chain[v] for v in values] for key, values in may_be.items()})
    return len(events), len(chain) - 1


def figure():
    with Nodes(NODES, start=False) as nodes:
        for node in nodes:
            node.start(arguments=[*nodes.joins(node), *LOGGED])
        nodes.await_ready()
        stop = threading.Event()
        kills = []
        thread = threading.Thread(target=killer, args=(nodes, stop, kills))
        thread.start()
        begin = time.monotonic()
        try:
            attempts = changes(nodes)
        finally:
            stop.set()
            thread.join()
        seconds = time.monotonic() - begin
        nodes.await_equal()
        moments, versions = judge(nodes, kills)
        expect(versions >= 2 * CHANGES, f"the logs have {versions} versions only")
        return (f"{CHANGES} staged changes on {NODES} nodes in {seconds:.0f} s, {attempts} attempts, {len(kills)} times kill -9; "
                f"{versions} versions, {moments} moments, at none of them two nodes more than one state apart")


run(figure)
