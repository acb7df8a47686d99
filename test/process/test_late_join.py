#!/usr/bin/env python3
"""test_late_join.py - a node that joins late is not ready before it has the whole catalog; what it takes to get there.

    ATTUNE_ENTRIES=100000 test/process/test_late_join.py

Entries are generated, of about 500 bytes each. Then the joiner is killed and started again from its own disk, alone.
"""
import json
import sqlite3
import time

from nodes import Nodes, expect, number, run, same_exports, until

SCHEMA_FIELDS = 11  # some 500 bytes as stored


def lines(count):
    for i in range(count):
        fields = {f"field_{j:02}_{i * 7919 % 1000003:07}": {"type": "string", "required": j % 2 == 0}
                  for j in range(SCHEMA_FIELDS)}
        yield json.dumps({"kind": "schema", "entity": f"entity_{i:06}", "fields": fields})


def stored_bytes(directory):
    database = sqlite3.connect(f"file:{directory}/catalog.db?mode=ro", uri=True)
    try:
        return database.execute("SELECT sum(length(bytes)) FROM entries").fetchone()[0]
    finally:
        database.close()


def watch_join(joiner, count):
    """Asks all the time: ready must not come before the last entry. Returns how often it was seen not ready."""
    seen = 0
    while True:
        status, _ = joiner.ask("GET", "/readyz")
        entries = joiner.entries()
        if status == 200:
            expect(entries == count, f"ready with {entries} of {count} entries")
            return seen
        expect(status == 503, f"/readyz answered {status}")
        seen += 1
        time.sleep(0.002)


def test():
    count = number("ENTRIES", 3000)
    body = "\n".join(lines(count)) + "\n"
    with Nodes(2) as nodes:
        first = nodes[0]
        empty = first.memory()
        begin = time.monotonic()
        status, answer = first.ask("POST", "/v1/import", body, seconds_max=300)
        import_seconds = time.monotonic() - begin
        expect(status == 200 and answer == {"imported": count, "unchanged": 0}, f"import answered {status}", answer)
        pushed_seconds = nodes.await_equal(300)
        full = first.memory()

        joiner = nodes.add()
        begin = time.monotonic()
        joiner.start(arguments=nodes.joins(joiner))
        not_ready = watch_join(joiner, count)
        seconds = time.monotonic() - begin
        join_cpu = joiner.cpu_seconds()
        expect(not_ready > 0 or count < 1000, "was never seen not ready")
        until(lambda: joiner.root() == first.root(), "equal roots")
        same_exports(nodes)
        received = joiner.metric('attune_exchange_bytes_total{direction="received",phase="entries"}')
        received_all = sum(value for name, value in joiner.metrics().items()
                           if name.startswith('attune_exchange_bytes_total{direction="received"'))
        sent_all = sum(value for name, value in joiner.metrics().items()
                       if name.startswith('attune_exchange_bytes_total{direction="sent"'))
        memory = joiner.memory()
        print(f"empty: RSS {empty[0]} kB, private {empty[1]} kB")
        print(f"import of {count} entries, {len(body)} bytes of JSON: {import_seconds:.2f} s; on node 2 {pushed_seconds:.2f} s "
              f"later; RSS {full[0]} kB, private {full[1]} kB")
        joiner.kill()
        size = stored_bytes(joiner.directory)
        restart_seconds = joiner.start(arguments=nodes.joins(joiner))
        restart_cpu = joiner.cpu_seconds()
        expect(joiner.entries() == count, "a restart does not serve all from disk", joiner.entries())
        print(f"join: {seconds:.2f} s until ready (process start included; {join_cpu:.2f} s of its CPU), seen not ready {not_ready} times; entries "
              f"{size} bytes ({size / count:.0f} each), received {received_all:.0f} ({received_all / size:.3f} x; phase "
              f"entries {received:.0f}), sent {sent_all:.0f}; RSS {memory[0]} kB, private {memory[1]} kB = "
              f"{(memory[1] - empty[1]) * 1024 / count:.0f} bytes an entry")
        expect(received_all < 1.1 * size + 20_000, f"{received_all} bytes received for {size} of entries")
        clean = joiner.terminate()
        expect(clean == 0, f"exit code {clean}")
        clean_seconds = joiner.start(arguments=nodes.joins(joiner))
    return (f"{count} entries: joined in {seconds:.2f} s, {received_all / size:.3f} x their bytes; restart answers after "
            f"{restart_seconds:.2f} s (kill -9; {restart_cpu:.2f} s of CPU), {clean_seconds:.2f} s (clean)")


run(test)
