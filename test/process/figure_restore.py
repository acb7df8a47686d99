#!/usr/bin/env python3
"""figure_restore.py - one of 5 nodes comes back with a copy of its disk from before 1,000 writes; nothing may roll back.

    BUILD=build test/process/figure_restore.py
    ATTUNE_WRITES=1000 ATTUNE_NODES=5 ATTUNE_SEED=1

Schemas are made, changed and dropped (some made anew) on all nodes, then the node is stopped and the old copy put in the
place of its directory. Six times:

    horizon held     another member is away from before the copy until the end, so all drops are still kept
    horizon moved    all were there, and what was dropped is forgotten by all: the copy is older than what its id confirmed
    ... alone        the others are stopped until the restored node, which knows no better, has taken writes itself
    ... meanwhile    a client writes to the restored node from its start on, without a pause, until it is one of them again

Every other node is asked all the time: each acknowledged write, or what came after it, must be there, and what was dropped
must not (G2, G3). The restored node serves what it has on disk until it meets somebody, and must not call itself fresh with
it: as soon as it does (its agreement age is known, or it answers a check that demands max_staleness), and again at the end,
it is held to the same. Each write that it acknowledged must be on all nodes or in the file that it keeps for import.
"""
import json
import os
import random
import shutil
import threading
import time

from nodes import Failure, Nodes, expect, number, run, same_exports, schema, until

WRITES = number("WRITES", 1000)
NODES = number("NODES", 5)
SEED = number("SEED", 1)
BEFORE = max(3, WRITES // 3)
VICTIM = 1
LOOK_SECONDS = 0.02
QUIET_SECONDS_MAX = 120
MEANWHILE_SECONDS = 0.5
ALONE = ["alone_new", "alone_changed", "alone_dropped"]
APART = [*ALONE, "marker", "before"]  # what is done to them is done at one moment


class Book:
    """What was acknowledged last of each schema: the clock of its version, or that it was dropped."""

    def __init__(self):
        self.live = {}
        self.dropped = set()
        self.random = random.Random(SEED)
        self.counts = {"made": 0, "changed": 0, "dropped": 0}

    def put(self, node, name, *fields):
        self.live[name] = int(node.write("PUT", f"/v1/schemas/{name}", schema(*fields))["clock"], 16)
        self.dropped.discard(name)

    def drop(self, node, name):
        node.write("DELETE", f"/v1/schemas/{name}")
        del self.live[name]
        self.dropped.add(name)

    def write_some(self, nodes):
        """All that concerns one schema goes to one node, so that nothing here is in conflict."""
        for i in range(WRITES):
            what = self.random.choices(list(self.counts), (4, 3, 3))[0]
            again = what == "made" and self.dropped - set(APART) and self.random.random() < 0.2
            known = sorted(set(self.dropped if again else self.live) - set(APART))
            name = f"new_{i}" if what == "made" and not again else self.random.choice(known)
            node = nodes[sum(name.encode()) % len(nodes)]
            if what == "dropped":
                self.drop(node, name)
            else:
                self.put(node, name, "a", f"at_{i}")
            self.counts[what] += 1

    def forget(self, name):
        self.live.pop(name, None)
        self.dropped.discard(name)

    def compare(self, node):
        """The schemas that this node shows as older than acknowledged, and the dropped ones that it shows at all."""
        shown = {one["entity"]: int(one["clock"], 16) for one in node.get("/v1/schemas")["schemas"]}
        older = [name for name, clock in self.live.items() if shown.get(name, 0) < clock]
        return older, [name for name in self.dropped if name in shown]


class Looks(threading.Thread):
    """Asks all nodes until it is told to stop. Those who come back with an old disk are judged only once they call
    themselves fresh."""

    def __init__(self, book, others, returning):
        super().__init__(daemon=True)
        self.book, self.others, self.returning = book, others, returning
        self.ended = threading.Event()
        self.looks, self.looks_at_returning, self.stale_answers = 0, 0, 0
        self.faults = []
        self.old_first = (0, 0)  # what the first of them showed while it knew no better: older, dropped
        self.old_times = []

    def run(self):
        while not self.ended.wait(LOOK_SECONDS):
            for node in self.others + self.returning:
                try:
                    if node in self.others:
                        self.look(node)
                    else:
                        self.look_at_returning(node)
                except (OSError, AttributeError):
                    continue  # it is down
                except Exception as fault:  # pylint: disable=broad-except
                    self.faults.append(str(fault) if isinstance(fault, Failure) else repr(fault))

    def look(self, node):
        older, alive = self.book.compare(node)
        self.looks += 1
        expect(not older and not alive, f"{node.name} shows older ones {older[:3]}, dropped ones {alive[:3]}")

    def look_at_returning(self, node):
        before = node.get("/v1/status")
        older, alive = self.book.compare(node)
        after = node.get("/v1/status")
        status, answer = node.ask("POST", "/v1/check/marker?max_staleness=5s", {})
        self.looks_at_returning += 1
        self.stale_answers += status == 503
        expect(status == 503 or (status == 200 and answer["number"] == 2), f"{node.name} checked by the old schema", answer)
        if not older and not alive:
            return
        fresh = all(one["ready"] and one["agreement"]["age_ms"] is not None for one in (before, after))
        expect(not fresh or before["node"] != after["node"],
               f"{node.name} is fresh and shows older ones {older[:3]}, dropped ones {alive[:3]}")
        if before["ready"] and after["ready"] and node is self.returning[0]:
            self.old_first = self.old_first if self.old_times else (len(older), len(alive))
            self.old_times.append(time.monotonic())

    def stop(self):
        self.ended.set()
        self.join()
        expect(not self.faults, f"{len(self.faults)} faults:", *self.faults[:3])

    def old_seconds(self):
        return self.old_times[-1] - self.old_times[0] if self.old_times else 0


class Writer(threading.Thread):
    """Writes schemas to one node until it is told to stop; notes those that were acknowledged."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.ended = threading.Event()
        self.written = {}

    def run(self):
        number_next = 0
        while not self.ended.is_set():
            name = f"meanwhile_{number_next}"
            number_next += 1
            try:
                status, answer = self.node.ask("PUT", f"/v1/schemas/{name}", schema("a", "alone"))
            except (OSError, AttributeError):
                continue  # it may have been done, and was not acknowledged
            if status == 201:
                self.written[name] = answer["clock"]
            time.sleep(0.005)

    def stop(self):
        self.ended.set()
        self.join()


def tombstones(nodes):
    return [int(node.metric("attune_tombstones")) for node in nodes]


def horizon_passes(nodes):
    until(lambda: not any(tombstones(nodes)), lambda: f"tombstones are left: {tombstones(nodes)}", QUIET_SECONDS_MAX)


def kept_lines(node):
    lines = []
    for name in sorted(os.listdir(node.directory)):
        if name.startswith("kept-"):
            with open(os.path.join(node.directory, name), encoding="utf-8") as file:
                lines += [json.loads(line) for line in file]
    return lines


def prepare(nodes, book, held):
    """Returns who is away, and leaves the copy of the victim's directory beside it."""
    for i in range(BEFORE):
        book.put(nodes[i % NODES], f"old_{i}", "a")
    for name in APART[1:]:
        book.put(nodes[0], name, "a")
    nodes.await_equal()
    book.drop(nodes[0], "before")
    horizon_passes(nodes)
    away = nodes[NODES - 1] if held else None
    if away:
        away.terminate()
    victim = nodes[VICTIM]
    victim.terminate()
    shutil.copytree(victim.directory, victim.directory + ".copy")
    victim.start(arguments=nodes.joins(victim))
    until(victim.ready, "the node is not ready with its own disk")
    return away


def write_alone(victim):
    """Nobody else runs."""
    return {name: victim.write("PUT", f"/v1/schemas/{name}", schema("a", "alone"))["clock"] for name in ALONE}


def put_back(victim):
    victim.terminate()
    shutil.rmtree(victim.directory)
    shutil.copytree(victim.directory + ".copy", victim.directory)


def restore(nodes, victim, others, book, mode):
    """Puts the copy back and starts. Returns the looks, how long it took from the start of who came last, and what the
    restored node acknowledged."""
    written = {}
    for name in ALONE if mode == "alone" else []:
        book.forget(name)  # what is written alone is looked at in own_writes
    looks = Looks(book, others, [victim])
    looks.start()
    put_back(victim)
    if mode == "alone":
        for node in others:
            node.terminate()
        victim.start(arguments=nodes.joins(victim))
        written = write_alone(victim)
    begin = time.monotonic()
    for node in others if mode == "alone" else [victim]:
        node.start(arguments=nodes.joins(node))
    writer = Writer(victim)
    text = "equal after "
    if mode == "meanwhile":
        writer.start()
        until(lambda: fresh(victim), "the restored node does not become fresh", QUIET_SECONDS_MAX)
        text = f"fresh after {time.monotonic() - begin:.2f} s, and equal "
        time.sleep(MEANWHILE_SECONDS)
        writer.stop()
        begin = time.monotonic()
    among = [victim, *others]
    until(lambda: victim.ready() and len({node.root() for node in among}) == 1,
          lambda: f"not equal: {[(node.name, node.get('/v1/digest')) for node in among]}", QUIET_SECONDS_MAX)
    text += f"{time.monotonic() - begin:.2f} s" + (" after the last write" if mode == "meanwhile" else "")
    until(lambda: fresh(victim), "the restored node does not become fresh")
    return looks, text, {**written, **writer.written}


def fresh(node):
    status = node.get("/v1/status")
    return status["ready"] and status["agreement"]["age_ms"] is not None


def own_writes(victim, nodes, written, renewed):
    """Each write that the restored node acknowledged is on all nodes, in force or in conflict, or kept for import."""
    kept = {line["entity"]: line for line in kept_lines(victim)}
    expect(renewed or not kept, "there is a kept file although the id is the old one", kept)
    expect(set(kept) <= set(written), "more is kept than what was written alone", list(kept))
    told = [finding for finding in victim.get("/v1/doctor")["findings"] if finding["code"] == "kept"]
    expect(bool(told) == bool(kept), "doctor does not tell what is kept", told)
    counts = {"in force": 0, "in conflict": 0, "kept": 0}
    for name, clock in written.items():
        found = [node.ask("GET", f"/v1/why/schema/{name}") for node in nodes]
        stands = all(status == 200 and clock in [version["clock"] for version in why["versions"]] for status, why in found)
        expect(stands or "alone" in kept.get(name, {"fields": {}})["fields"], f"{name} is lost", *found[0], list(kept))
        counts["kept" if not stands else "in conflict" if found[0][1]["conflict"] else "in force"] += 1
        expect(not stands or name not in kept, f"{name} is on all nodes, and kept as well")
    return f"of {len(written)} own writes " + ", ".join(f"{count} {what}" for what, count in counts.items())


def imported(victim, nodes):
    """What was kept goes in again by import, as docs/OPERATIONS.md says."""
    lines = kept_lines(victim)
    status, answer = victim.ask("POST", "/v1/import?wait=30s", "".join(json.dumps(line) + "\n" for line in lines))
    expect(status == 200 and answer["imported"] == len(lines), f"import answered {status}", answer)
    nodes.await_equal()
    for node in nodes:
        for line in lines:
            shown = node.get(f"/v1/schemas/{line['entity']}")
            expect("alone" in shown["fields"], f"{line['entity']} is not on {node.name} after the import")


def variant(held, mode):
    book = Book()
    with Nodes(NODES) as nodes:
        away = prepare(nodes, book, held)
        victim = nodes[VICTIM]
        others = [node for node in nodes if node not in (victim, away)]
        up = [victim, *others]
        book.write_some(up)
        for name in ("alone_changed", "marker"):
            book.put(nodes[0], name, "a", "b")
        book.drop(nodes[0], "alone_dropped")
        nodes.await_equal(among=up)
        if not held:
            horizon_passes(up)
        former = victim.get("/v1/status")["node"]
        kept_drops = tombstones(others)[0]
        looks, how_long, written = restore(nodes, victim, others, book, mode)
        now = victim.get("/v1/status")["node"]
        expect(now["origin"] != former["origin"], "the origin is the old one")
        renewed = now["id"] != former["id"]
        expect(renewed != held, f"the id is {'new' if renewed else 'the old one'}")
        own = own_writes(victim, up, written, renewed)
        repaired = int(victim.metric("attune_entries_repaired_total"))
        expect(repaired > WRITES // 4, f"only {repaired} entries were repaired: the copy was not old")
        expect(bool(kept_drops) == held, f"{kept_drops} drops were still kept")
        if away:
            away.start(arguments=nodes.joins(away))
            looks.returning.append(away)
        nodes.await_equal()
        horizon_passes(list(nodes))
        looks.stop()
        for node in nodes:
            expect(book.compare(node) == ([], []), f"{node.name} at the end:", book.compare(node))
        if renewed and written:
            imported(victim, nodes)
        same_exports(nodes)
        count, older, dropped = book.counts, *looks.old_first
        return (f"horizon {'held' if held else 'moved'}{', ' + mode if mode else ''}: {NODES} nodes, {count['made']} made, "
                f"{count['changed']} changed, {count['dropped']} dropped, {kept_drops} drops still kept; "
                f"id {'new' if renewed else 'as before'}, origin new; {how_long}, {repaired} entries repaired; "
                f"showed {older} older and {dropped} dropped ones for {looks.old_seconds():.2f} s, never as fresh "
                f"({looks.stale_answers} checks answered stale); {own}; {looks.looks} looks at others and "
                f"{looks.looks_at_returning} at who came back: nothing older, nothing dropped alive")


def figure():
    for held in (True, False):
        for mode in ("", "alone", "meanwhile"):
            print(variant(held, mode), flush=True)
    return "done"


run(figure)
