#!/usr/bin/env python3
"""GET /v1/watch with real sockets: order, resumption, many clients, a client that never reads, restarts, garbage."""

import json
import signal
import socket
import threading
import time
import unittest

import cluster
from cluster import attunectl, wait_for

BIG = {"fields": {f"field_{number:03}": {"type": "string", "required": True} for number in range(400)}}  # 15 kB of text
FIELDS = [f"field_{number:03}" for number in range(400)]


class Stream:
    """One client; events are read when asked for, so one that does not ask does not read."""

    def __init__(self, node, target="/v1/watch", headers="", receive_buffer=None):
        host, port = node.info["http"].rsplit(":", 1)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        # HTTP/1.0: the body comes as it is, without chunks
        self.socket.sendall(f"GET {target} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n".encode())
        self.text = b""
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def _until(self, mark):
        while mark not in self.text:
            got = self.socket.recv(65536)
            if not got:
                return None
            self.text += got
        part, self.text = self.text.split(mark, 1)
        return part.decode()

    def head(self):
        if self.status is None:
            self.status = int(self._until(b"\r\n\r\n").split()[1])
        return self.status

    def event(self, comments=False):
        """(name, id, data) of the next event; None at the end of the stream."""
        assert self.head() == 200, self.status
        while True:
            try:
                part = self._until(b"\n\n")
            except ConnectionError:
                return None
            if part is None:
                return None
            if part.startswith(":"):
                if comments:
                    return part
                continue
            lines = dict(line.split(": ", 1) for line in part.splitlines())
            return lines.get("event", ""), lines.get("id"), json.loads(lines["data"])

    def events(self, count):
        return [self.event() for _ in range(count)]


def schema(node, entity, fields=None):
    answer = node.put(f"/v1/schemas/{entity}", fields or {"fields": {}})
    assert answer.status in (200, 201), answer
    return answer.json


class Watch(unittest.TestCase):
    def setUp(self):
        self.group = cluster.Cluster()
        self.addCleanup(self.group.__exit__)

    def start(self, count=1, *arguments):
        return self.group.start(count, *arguments)

    def test_changes_as_they_come(self):
        """Each change is an event with the entry as GET shows it; a drop too, with its state; ids count."""
        node = self.start()[0]
        with Stream(node) as stream:
            name, first, _ = stream.event()
            origin = node.status()["node"]["origin"]
            self.assertEqual((name, first), ("live", f"{origin[:8]}-0"))
            made = schema(node, "posts")
            self.assertEqual(stream.event(), ("", f"{origin[:8]}-1", made))
            node.put("/v1/schemas/posts?dry_run=1", {"fields": {"a": {"type": "any"}}})
            schema(node, "posts")  # unchanged: no event
            node.delete("/v1/schemas/posts")
            name, number, data = stream.event()
            self.assertEqual((number, data["state"], data["number"]), (f"{origin[:8]}-2", "dropped", 2))
        wait_for(lambda: node.metrics()["attune_watch_clients"] == 0, what="a client that left is still counted")

    def test_schemas_first(self):
        """Of one batch schemas come before constraints, those before indexes: here and on a node that pulled them."""
        nodes = self.start(2)
        streams = [Stream(node) for node in nodes]
        for stream in streams:
            stream.event()
        lines = []
        for number in range(12):
            lines.append({"kind": "index", "entity": f"e{number}", "name": "i", "fields": ["a"]})
            lines.append({"kind": "constraint", "entity": f"e{number}", "name": "c", "type": "unique", "fields": ["a"]})
            lines.append({"kind": "schema", "entity": f"e{number}", "fields": {"a": {"type": "string"}}})
        done = nodes[0].post("/v1/import", "\n".join(map(json.dumps, lines)))
        self.assertEqual(done.status, 200, done)
        for stream in streams:
            kinds = [data["kind"] for _, _, data in stream.events(36)]
            self.assertEqual(kinds, ["schema"] * 12 + ["constraint"] * 12 + ["index"] * 12)
            stream.socket.close()

    def test_resume_in_the_middle(self):
        """`since` goes on after an event that is still kept, by parameter or by header; nothing twice, nothing missing."""
        node = self.start()[0]
        with Stream(node) as stream:
            stream.event()
            for number in range(20):
                schema(node, f"s{number}")
            seen = stream.events(20)
        for target, header in [(f"/v1/watch?since={seen[7][1]}", ""),
                               ("/v1/watch?since=0", f"Last-Event-ID: {seen[7][1]}\r\n")]:
            with Stream(node, target, header) as stream:
                self.assertEqual(stream.event()[:2], ("live", seen[7][1]))
                self.assertEqual(stream.events(12), seen[8:])
        with Stream(node, f"/v1/watch?since={seen[-1][1]}") as stream:
            self.assertEqual(stream.event()[:2], ("live", seen[-1][1]))
            later = schema(node, "later")
            self.assertEqual(stream.event()[2], later)

    def test_reset(self):
        """0, and an id of another start, begin with a reset and all entries, schemas first; then it is live."""
        node = self.start()[0]
        schema(node, "posts", {"fields": {"a": {"type": "string"}}})
        schema(node, "gone")
        node.put("/v1/indexes/posts/i", {"fields": ["a"]})
        node.put("/v1/constraints/posts/c", {"type": "unique", "fields": ["a"]})
        node.delete("/v1/schemas/gone")
        with Stream(node, "/v1/watch?since=0") as stream:
            self.assertEqual(stream.event()[:2], ("reset", None))
            entries = stream.events(3)
            self.assertEqual([data["kind"] for _, _, data in entries], ["schema", "constraint", "index"])
            self.assertEqual([identifier for _, identifier, _ in entries], [None] * 3, "a reset cannot be resumed half-way")
            name, last, _ = stream.event()
            self.assertEqual(name, "live")
            self.assertEqual(node.stop(), 0)
            self.assertIsNone(stream.event(), "a daemon that stops ends its streams")
        node.start()
        with Stream(node, f"/v1/watch?since={last}") as stream:
            self.assertEqual(stream.event()[0], "reset")
            self.assertEqual(stream.events(3), entries)
            name, identifier, _ = stream.event()
            self.assertEqual(name, "live")
            self.assertNotEqual(identifier.split("-")[0], last.split("-")[0])
        node.kill()
        node.start()
        self.assertEqual(node.get("/v1/schemas/posts").status, 200)

    def test_older_than_kept(self):
        """What is older than the ring keeps is a reset, with everything as it is now."""
        node = self.start()[0]
        with Stream(node) as stream:
            old = stream.event()[1]
        line = '{"kind":"schema","entity":"e%d","fields":{"f%d":{"type":"string"}}}'
        for turn in range(3):
            text = "\n".join(line % (number, turn) for number in range(1500))
            self.assertEqual(node.post("/v1/import", text).json["imported"], 1500)
        with Stream(node, f"/v1/watch?since={old}") as stream:
            self.assertEqual(stream.event()[0], "reset")
            entries = stream.events(1500)
            self.assertEqual({data["number"] for _, _, data in entries}, {3})
            name, identifier, _ = stream.event()
            self.assertEqual((name, identifier.split("-")[1]), ("live", "4500"))
        with Stream(node, f"/v1/watch?since={old.split('-')[0]}-1000") as stream:
            name, identifier, _ = stream.event()
            self.assertEqual((name, identifier.split("-")[1]), ("live", "1000"), "4,096 are kept")
            self.assertEqual(len(stream.events(3500)), 3500)

    def test_begins_anew(self):
        """A node that was removed and comes back begins anew: whoever watches it is told to forget, and then gets all."""
        nodes = self.start(3)
        schema(nodes[0], "old")
        self.group.wait_equal()
        nodes[2].kill()
        self.assertEqual(nodes[0].delete("/v1/members/n3").status, 200)
        nodes[0].delete("/v1/schemas/old")
        schema(nodes[0], "new")
        for node in nodes[:2]:
            node.signal(signal.SIGSTOP)  # nobody tells it yet
        nodes[2].start()
        former = nodes[2].info["id"]
        with Stream(nodes[2], "/v1/watch?since=0") as stream:
            names = [(name, data.get("entity")) for name, _, data in stream.events(3)]
            self.assertEqual(names, [("reset", None), ("", "old"), ("live", None)])
            for node in nodes[:2]:
                node.signal(signal.SIGCONT)
            self.assertEqual(stream.event()[0], "reset")
            there = set()
            while there != {"new"}:
                name, _, data = stream.event()
                if name == "reset":
                    there = set()
                elif name == "":
                    (there.discard if data["state"] == "dropped" else there.add)(data["entity"])
        wait_for(nodes[2].ready, 20)
        self.assertNotEqual(nodes[2].status()["node"]["id"], former)
        self.group.wait_equal()
        self.assertIn("forgotten its catalog", nodes[2].log_text())

    def test_conflict(self):
        """A conflict is an event with `conflict`, and its end another one."""
        nodes = self.start(2)
        streams = []
        self.group.write_apart(["posts"], lambda: streams.append(Stream(nodes[1])))
        with streams[0] as stream:
            self.assertEqual(stream.event()[0], "live")
            _, _, data = stream.event()
            self.assertEqual((data["conflict"], list(data["fields"])), (True, ["by_n2"]))
            self.group.wait_equal(nodes)
            schema(nodes[0], "posts", {"fields": {"c": {"type": "string"}}})
            _, _, data = stream.event()
            self.assertEqual((data["conflict"], list(data["fields"])), (False, ["c"]))

    def test_many(self):
        """100 clients get the same, and one more than are served is told to come back; all leave."""
        node = self.start()[0]
        streams = [Stream(node) for _ in range(100)]
        for stream in streams:
            self.assertEqual(stream.event()[0], "live")
        self.assertEqual(node.metrics()["attune_watch_clients"], 100)
        begin = time.monotonic()
        for number in range(50):
            schema(node, f"s{number}")
        everybody = [stream.events(50) for stream in streams]
        self.assertTrue(all(events == everybody[0] for events in everybody))
        self.assertLess(time.monotonic() - begin, 15)
        streams += [Stream(node) for _ in range(28)]
        for stream in streams[100:]:
            self.assertEqual(stream.event()[0], "live")
        refused = node.get("/v1/watch")
        self.assertEqual((refused.status, refused.code), (503, "busy"))
        self.assertEqual(node.get("/v1/status").status, 200, "others are served beside them")
        for stream in streams:
            stream.socket.close()
        wait_for(lambda: node.metrics()["attune_watch_clients"] == 0)

    def test_never_reads(self):
        """A client that never reads is disconnected at the bound, costs nobody else anything, and can resume."""
        node = self.start()[0]
        idle, reader = Stream(node, receive_buffer=4096), Stream(node)
        self.assertEqual(idle.event()[0], "live")
        reader.event()
        got = []
        thread = threading.Thread(target=lambda: got.extend(reader.events(200)), daemon=True)
        thread.start()
        for number in range(200):  # 3 MB and more
            schema(node, f"s{number}", BIG)
        thread.join(20)
        self.assertEqual(len(got), 200)
        wait_for(lambda: node.metrics()["attune_watch_disconnected_total"] == 1)
        wait_for(lambda: node.metrics()["attune_watch_clients"] == 1)
        before = []
        while (event := idle.event()) is not None:
            before.append(event)
        self.assertLess(len(before), 120, "what the system held for it is bounded")
        self.assertEqual(before, got[: len(before)])
        with Stream(node, f"/v1/watch?since={before[-1][1]}") as resumed:
            self.assertEqual(resumed.event()[0], "live")
            self.assertEqual(resumed.events(200 - len(before)), got[len(before):])
        idle.socket.close()
        reader.socket.close()

    def test_slow_reader(self):
        """A client that reads slowly a catalog much larger than its buffers gets all of it, while it changes."""
        node = self.start()[0]
        for number in range(150):
            schema(node, f"s{number:03}", BIG)
        with Stream(node, "/v1/watch?since=0", receive_buffer=4096) as stream:
            self.assertEqual(stream.event()[0], "reset")
            latest = {}
            for number in range(100):
                schema(node, f"s{number:03}", {"fields": {"new": {"type": "any"}}})
            wanted = {f"s{number:03}": ["new"] if number < 100 else FIELDS for number in range(150)}
            while latest != wanted:
                name, _, data = stream.event()
                if name == "":
                    latest[data["entity"]] = list(data["fields"])

    def test_garbage(self):
        """What is no id is 400; HEAD and other methods open no stream."""
        node = self.start()[0]
        origin = node.status()["node"]["origin"][:8]
        for since in ["", "x", "1", "-1", "00", f"{origin}", f"{origin}-", f"{origin}-x", f"{origin}-1x", f"{origin.upper()}g-1",
                      f"{origin}-{'9' * 20}", f"{origin}-{'9' * 18}", f" {origin}-0", f"{origin}-0 ", "%00" * 10, "9" * 200]:
            answer = node.get(f"/v1/watch?since={since.replace(' ', '%20')}")
            self.assertEqual((answer.status, answer.code), (400, "malformed"), since)
        for header in ["", "x", "y" * 100]:
            answer = node.request("GET", "/v1/watch", None, {"Last-Event-ID": header})
            self.assertEqual(answer.status, 400, header)
        self.assertEqual(node.request("POST", "/v1/watch").status, 405)
        self.assertEqual(node.get("/v1/watch?from=1").status, 400)
        self.assertEqual(node.request("HEAD", "/v1/watch").status, 200)
        wait_for(lambda: node.metrics()["attune_watch_clients"] == 0)

    def test_comment(self):
        """A stream on which nothing happens has a comment now and then, so that a dead connection is noticed."""
        node = self.start()[0]
        with Stream(node) as stream:
            stream.event()
            begin = time.monotonic()
            self.assertEqual(stream.event(comments=True), ":")
            self.assertLess(time.monotonic() - begin, 17)

    def test_stop_with_many(self):
        """A node with clients that do not read stops like any other."""
        node = self.start()[0]
        streams = [Stream(node, receive_buffer=4096) for _ in range(20)]
        for stream in streams:
            stream.event()
        for number in range(30):
            schema(node, f"s{number}", BIG)
        self.assertEqual(node.stop(), 0)
        for stream in streams:
            stream.socket.close()


if __name__ == "__main__":
    cluster.main()
