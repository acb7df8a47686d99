#!/usr/bin/env python3
"""test_disk.py - what a disk does to a node: full, a flipped bit, a broken file, a failing sync (DESIGN 4.8, G2, G3, G11).

Each part has a cluster of its own. Parts that need a right that is not there (mount, strace) are left out, and said.
"""
import glob
import itertools
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time

from nodes import Nodes, Failure, expect, number, run, same_exports, schema, until

ENTRIES = 60
DISK_BYTES = 24 * 1024 * 1024
SPARE_BYTES = 300 * 1024
BIG_FIELDS = 400  # a body of some 12 kB


class Skip(Exception):
    """Why a part cannot run here."""


def code_of(answer):
    return answer["error"]["code"] if isinstance(answer, dict) and "error" in answer else answer


def fill(node, count=ENTRIES):
    for i in range(count):
        node.write("PUT", f"/v1/schemas/t{i}", schema(f"f{i}", "same"))


# --- a full disk ---

def mount(directory):
    os.mkdir(directory)
    result = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", directory],
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Skip(f"a full disk: cannot mount a tmpfs: {result.stderr.strip()}")


def take_all_space(path):
    with open(path, "wb", buffering=0) as file:
        size = 1 << 20
        while size >= 1:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2
        file.truncate(file.tell() - SPARE_BYTES)


def part_full(directory):
    disk = os.path.join(directory, "disk")
    if shutil.which("mount") is None:
        raise Skip("a full disk: there is no mount")
    mount(disk)
    try:
        with Nodes(0) as nodes:
            nodes.add()
            nodes.add(os.path.join(disk, "n2"))
            nodes.start()
            full_disk(nodes, disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def full_disk(nodes, disk):
    healthy, small = nodes
    fill(small)
    filler = os.path.join(disk, "filler")
    take_all_space(filler)
    pid = small.pid
    body = schema(*[f"field_{i:020}" for i in range(BIG_FIELDS)])
    acknowledged = []
    for i in itertools.count():
        status, answer = small.ask("PUT", f"/v1/schemas/big{i}", body)
        if status == 503:
            break
        expect(status == 201, f"a write on a disk that fills up answered {status}", answer)
        acknowledged.append(f"big{i}")
        expect(i < 10000, "the disk does not become full")
    expect(code_of(answer) in ("disk_full", "store"), "a full disk answered", answer)
    # Refused with the reason from here on; reads, and what the others write, go on.
    until(lambda: code_of(small.ask("PUT", "/v1/schemas/refused", body)[1]) == "disk_full",
          lambda: f"not refused as disk_full: {small.ask('PUT', '/v1/schemas/refused', body)}", 10)
    for entity in ["t0", *acknowledged]:
        small.get(f"/v1/schemas/{entity}")
    expect(small.metric("attune_store_up") == 0, "attune_store_up is not 0")
    expect(small.ask("GET", "/livez")[0] == 200, "/livez fails on a full disk")
    for i in range(20):
        healthy.write("PUT", f"/v1/schemas/meanwhile{i}", schema("a"))
    expect(small.ask("GET", "/v1/schemas/refused")[0] == 404, "a refused write is there")
    os.unlink(filler)
    seconds = nodes_recover(small)
    small.write("PUT", "/v1/schemas/after", schema("a"))
    expect(small.pid == pid and small.process.poll() is None, "it was restarted")
    start_when_full(nodes, small, filler)
    nodes.await_equal()
    entities = {json.loads(line)["entity"] for line in same_exports(nodes).splitlines()}
    for entity in [*acknowledged, "after", "meanwhile19"]:
        expect(entity in entities, f"{entity} was acknowledged and is gone")
    small.kill()
    small.start(arguments=nodes.joins(small))
    nodes.await_ready()
    nodes.await_equal()
    expect(small.metric("attune_quarantined_entries") == 0, "a full disk damaged rows")
    print(f"full disk: {len(acknowledged)} writes before it was full; writes again {seconds:.2f} s after there was room")


def start_when_full(nodes, small, filler):
    """Killed and started again it serves what it has, although there is no room for attuned.json, which comes later. (After
    a clean exit SQLite has no -wal and -shm, and cannot open without making them.)"""
    small.kill()
    take_all_space(filler)
    with open(filler, "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x")
        except OSError:
            pass
    small.start(arguments=nodes.joins(small), wait=False)
    state = json.loads(small.process.stdout.readline())
    small.pid, small.http_address = state["pid"], state["http"]
    small.get("/v1/schemas/t0")
    path = os.path.join(small.directory, "attuned.json")
    expect(not os.path.exists(path), "attuned.json was written on a full disk")
    os.unlink(filler)
    until(lambda: os.path.exists(path), "attuned.json is not written when there is room", 10)
    with open(path, encoding="utf-8") as file:
        expect(json.load(file) == state, "attuned.json is not what stdout said")
    nodes_recover(small)


def nodes_recover(node):
    """Seconds until it takes writes again by itself."""
    begin = time.monotonic()
    until(lambda: node.metric("attune_store_up") == 1 and
          node.ask("PUT", "/v1/schemas/again", schema("a"))[0] in (200, 201),
          lambda: f"writes are still refused: {node.ask('PUT', '/v1/schemas/again', schema('a'))}", 30)
    return time.monotonic() - begin


# --- a flipped bit ---

def flip_bit(directory, chance):
    """Flips one bit of a row's bytes where they stand in the file; returns the row's key."""
    path = os.path.join(directory, "catalog.db")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = database.execute("SELECT key, bytes FROM entries ORDER BY id").fetchall()
    database.close()
    key, content = rows[chance.randrange(len(rows))]
    with open(path, "r+b") as file:
        data = file.read()
        place = data.find(content)
        expect(place >= 0 and data.find(content, place + 1) < 0, "the row's bytes are not found once in the file")
        place += chance.randrange(len(content))
        file.seek(place)
        file.write(bytes([data[place] ^ 1 << chance.randrange(8)]))
    return key


def part_flipped_bit(_):
    chance = random.Random(number("SEED", 1))
    with Nodes(3) as nodes:
        fill(nodes[0])
        nodes.await_equal()
        export = same_exports(nodes)
        hurt, others = nodes[2], nodes.list[:2]
        for attempt in range(number("TRIES", 2)):
            hurt.terminate() if attempt % 2 else hurt.kill()
            key = flip_bit(hurt.directory, chance)
            # Nobody answers at first, so that what it does alone can be seen.
            for node in others:
                node.freeze()
            hurt.start(arguments=nodes.joins(hurt))
            expect(hurt.entries() == ENTRIES - 1, f"{key!r} was changed, but served are", hurt.entries())
            expect(hurt.metric("attune_quarantined_entries") == 1, "not counted as quarantined")
            expect(hurt.metric("attune_healing") == 1, "attune_healing is not 1")
            status, answer = hurt.ask("PUT", "/v1/schemas/early", schema("a"))
            expect(status == 503 and code_of(answer) == "healing", f"a write while healing answered {status}", answer)
            for node in others:
                node.thaw()
            nodes.await_equal()
            expect(same_exports(nodes) == export, "what was healed is not what was there")
            until(lambda: hurt.metric("attune_healing") == 0, "it goes on healing")
            expect(hurt.metric("attune_quarantined_entries") == 0, "healed, and still counted as quarantined")
            expect(hurt.metric('attune_entries_repaired_total{cause="corruption"}') >= 1, "not counted as repaired")
            hurt.write("PUT", "/v1/schemas/t0", schema("f0", "same"))
            nodes.await_equal()
            export = same_exports(nodes)
    print("flipped bit: set aside, counted, writes refused until it was pulled again")


# --- a file that is no database any more ---

def overwrite_header(path):
    with open(path, "r+b") as file:
        file.write(os.urandom(4096))


def overwrite_all(path):
    size = os.path.getsize(path)
    with open(path, "wb") as file:
        file.write(os.urandom(size))


def truncate_half(path):
    os.truncate(path, os.path.getsize(path) // 2 // 4096 * 4096)


def truncate_within_page(path):
    os.truncate(path, 4096 + 100)


def part_broken_file(_):
    with Nodes(3) as nodes:
        fill(nodes[0], 300)
        nodes.await_equal()
        hurt = nodes[2]
        for damage in (overwrite_header, truncate_half, truncate_within_page):
            break_file(nodes, hurt, damage, killed=False)
        seconds = break_file(nodes, hurt, overwrite_all, killed=True)
    print(f"broken file: renamed aside, refilled under a new id and the old name (killed: {seconds:.1f} s, as the old id "
          "must be dead first)")


def break_file(nodes, hurt, damage, killed):
    """Seconds until it is ready again."""
    export = same_exports(nodes)
    before = hurt.get("/v1/status")["node"]["id"]
    aside = set(glob.glob(os.path.join(hurt.directory, "catalog.db.damaged-*")))
    # Ended properly, all is in catalog.db; else the log beside it is hurt as well, or SQLite would repair the file.
    hurt.kill() if killed else hurt.terminate()
    for path in glob.glob(os.path.join(hurt.directory, "catalog.db*")):
        if path not in aside and os.path.getsize(path) > 0 and not path.endswith("-shm"):
            damage(path)
    begin = time.monotonic()
    hurt.start(arguments=nodes.joins(hurt))
    expect(set(glob.glob(os.path.join(hurt.directory, "catalog.db.damaged-*"))) > aside,
           f"{damage.__name__}: not renamed aside", os.listdir(hurt.directory))
    node = hurt.get("/v1/status")["node"]
    expect(node["id"] != before, f"{damage.__name__}: it goes on under its old id")
    expect(node["name"] == "n3", "it has another name", node)
    until(hurt.ready, lambda: f"{damage.__name__}: not ready: {hurt.get('/v1/status')}", 30)
    seconds = time.monotonic() - begin
    nodes.await_equal()
    expect(same_exports(nodes) == export, f"{damage.__name__}: what was refilled is not what was there")
    hurt.write("PUT", "/v1/schemas/t0", schema("f0", damage.__name__))
    until(lambda: agreed(nodes), lambda: f"{damage.__name__}: not agreed: {nodes[0].get('/v1/status')}", 30)
    return seconds


def agreed(nodes):
    return all(node.get("/v1/status")["agreement"]["agreed"] for node in nodes)


# --- a sync that fails ---

def part_failing_sync(_):
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True,
                                                        check=False).returncode != 0:
        raise Skip("a failing sync: strace is not there or not permitted")
    # One, and several in a row: then those of the first attempts to open the store again fail too.
    for when in os.environ.get("ATTUNE_SYNCS", "1 9 4..8").split():
        with Nodes(1) as nodes:
            failing_sync(nodes[0], when)
    print("failing sync: not acknowledged, recovered by itself, nothing acknowledged was missing after kill -9")


def trace(node, when):
    """Lets the node's syncs fail from here on; counts are of each thread, and the store's thread alone syncs now."""
    inject = f"inject=fdatasync,fsync:error=EIO:when={when}"
    strace = subprocess.Popen(["strace", "-f", "-o", node.directory + ".strace", "-e", "trace=fdatasync,fsync", "-e", inject,
                               "-p", str(node.pid)], stderr=subprocess.PIPE, text=True)
    line = strace.stderr.readline()
    if "attached" not in line:
        strace.wait()
        raise Skip("a failing sync: " + line.strip())
    return strace


def failing_sync(node, when):
    strace = trace(node, when)
    acknowledged, refused = [], []
    last = f"t{number('WRITES', 60) - 1}"
    try:
        for i in range(number("WRITES", 60)):
            status, answer = node.ask("PUT", f"/v1/schemas/t{i}", schema(f"f{i}"))
            if status == 201:
                acknowledged.append(f"t{i}")
            else:
                expect(status == 503 and code_of(answer) in ("store", "store_down"), f"answered {status}", answer)
                refused.append(f"t{i}")
                until(lambda: node.metric("attune_store_up") == 1, "the store stays down", 20)
        with open(node.directory + ".strace", encoding="utf-8") as file:
            injected = sum("(INJECTED)" in line for line in file)
        expect(injected > 0, "no sync was made to fail")
        expect(refused, f"{injected} syncs failed, and every write was acknowledged")
        expect(acknowledged and acknowledged[-1] == last, "it did not recover", acknowledged)
        node.kill()
    finally:
        node.abandon()
        strace.stderr.close()
        strace.wait()
    node.start()
    until(node.ready, "not ready")
    there = {json.loads(line)["entity"] for line in node.get("/v1/export").splitlines()}
    expect(set(acknowledged) <= there, "acknowledged after a failed sync and gone", set(acknowledged) - there)


def test():
    parts = {"full": part_full, "bit": part_flipped_bit, "file": part_broken_file, "sync": part_failing_sync}
    chosen = os.environ.get("ATTUNE_PARTS", " ".join(parts)).split()
    skipped = []
    with Nodes(0) as scratch:
        for name in chosen:
            try:
                parts[name](scratch.directory)
            except Skip as reason:
                skipped.append(str(reason))
            except Failure as failure:
                raise Failure(f"{name}: {failure}") from failure
    return f"{len(chosen) - len(skipped)} parts" + "".join(f"; left out: {reason}" for reason in skipped)


run(test)
