#!/usr/bin/env python3
"""Three real nodes: a write is everywhere, what was missed heals, late ones catch up, a crash loses nothing."""

import os
import pathlib
import signal
import socket
import threading
import unittest

import cluster
from cluster import attunectl, wait_for

SCHEMA = {"fields": {"title": {"type": "string", "required": True}}}


def agreed(node, members):
    status = node.status()
    return (
        status["agreement"]["agreed"] is True
        and status["agreement"]["distinct_roots"] == 1
        and len(status["members"]) == members
        and all(member["agrees"] for member in status["members"])
    )


def cpu_seconds(node):
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ClusterTest(unittest.TestCase):
    def setUp(self):
        self.group = cluster.Cluster()
        self.addCleanup(self.group.__exit__)

    def wait_agreed(self, nodes):
        for node in nodes:
            wait_for(lambda: agreed(node, len(self.group.nodes)), what=lambda: f"{node.name}: {node.status()}")

    def test_write_is_everywhere(self):
        """A schema set on one node is on all, byte for byte, and gone everywhere after a drop (G1, G3)."""
        nodes = self.group.start(3)
        made = nodes[1].put("/v1/schemas/posts", SCHEMA).json
        for node in nodes:
            wait_for(lambda: node.get("/v1/schemas/posts").status == 200, what=f"{node.name} has posts")
            self.assertEqual(node.get("/v1/schemas/posts").json, made)
        self.group.wait_equal()
        self.wait_agreed(nodes)
        self.assertEqual(nodes[2].delete("/v1/schemas/posts").status, 200)
        for node in nodes:
            wait_for(lambda: node.get("/v1/schemas/posts").status == 404, what=f"{node.name} dropped posts")
        self.group.wait_equal()
        self.assertEqual({node.get("/v1/export").body for node in nodes}, {b""})

    def test_stopped_node_heals(self):
        """A node that sleeps through writes has them after it wakes, without anybody's help (G1)."""
        nodes = self.group.start(3)
        nodes[2].signal(signal.SIGSTOP)
        for number in range(20):
            self.assertEqual(nodes[number % 2].put(f"/v1/schemas/s{number}", SCHEMA).status, 201)
        self.group.wait_equal(nodes[:2])
        wait_for(
            lambda: nodes[0].status()["agreement"]["agreed"] is not True,
            what="agreement is not claimed for a node that cannot answer (G6)",
        )
        nodes[2].signal(signal.SIGCONT)
        self.group.wait_equal()
        self.wait_agreed(nodes)
        self.assertEqual(len(nodes[2].get("/v1/schemas").json["schemas"]), 20)
        self.assertEqual(nodes[0].metrics()["attune_futile_exchanges_total"], 0)

    def test_late_join(self):
        """A node that joins late gets all there is, becomes ready, and counts for agreement."""
        nodes = self.group.start(2)
        for number in range(50):
            nodes[0].put(f"/v1/schemas/s{number}", SCHEMA)
        nodes[0].delete("/v1/schemas/s7")
        late = self.group.node("n3").start(nodes[1])
        wait_for(late.ready, what=lambda: f"n3 is ready: {late.log_text()}")
        self.group.wait_equal()
        self.assertEqual(late.get("/v1/export").body, nodes[0].get("/v1/export").body)
        self.wait_agreed(self.group.nodes)
        repaired = [value for name, value in late.metrics().items() if 'cause="late_join"' in name]
        self.assertGreaterEqual(sum(repaired), 49)

    def test_joining_refuses_writes(self):
        """A newcomer that reaches nobody serves reads, refuses writes with 503 joining, and is not ready."""
        node = self.group.node("n1").start("127.0.0.1:1")
        answer = node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual((answer.status, answer.code), (503, "joining"))
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(node.get("/readyz").status, 503)
        self.assertEqual(node.get("/livez").status, 200)
        self.assertEqual(node.get("/v1/schemas").status, 200)
        self.assertEqual(node.stop(), 0)

    def test_all_killed(self):
        """After kill -9 of all, each has its acknowledged writes and all have the same root (G2, G11)."""
        nodes = self.group.start(3)
        for number in range(30):
            self.assertEqual(nodes[number % 3].put(f"/v1/schemas/s{number}", SCHEMA).status, 201)
        root = self.group.wait_equal()
        for node in nodes:
            node.kill()
        for node in nodes:
            node.start()
            self.assertEqual(node.root(), root, "served at once from the disk (G5)")
        self.wait_agreed(nodes)
        self.assertEqual(self.group.wait_equal(), root)

    def test_killed_under_load(self):
        """Writes that were acknowledged before a kill -9 are there afterwards, on every node (G2)."""
        nodes = self.group.start(3)
        acknowledged, stop = [], threading.Event()

        def write():
            for number in range(100000):
                if stop.is_set():
                    return
                try:
                    if nodes[0].put(f"/v1/schemas/w{number}", SCHEMA).status == 201:
                        acknowledged.append(f"w{number}")
                except OSError:
                    return

        writer = threading.Thread(target=write)
        writer.start()
        wait_for(lambda: len(acknowledged) > 20, what="some writes")
        nodes[0].kill()
        stop.set()
        writer.join()
        nodes[0].start()
        self.group.wait_equal()
        for node in nodes:
            there = {entry["entity"] for entry in node.get("/v1/schemas").json["schemas"]}
            self.assertLessEqual(set(acknowledged), there)

    def test_many_clients(self):
        """64 clients writing at once are all answered, and all nodes end equal."""
        nodes = self.group.start(3)
        failed = []

        def write(client):
            for number in range(5):
                answer = nodes[client % 3].put(f"/v1/schemas/c{client}_{number}", SCHEMA)
                if answer.status != 201:
                    failed.append(answer)

        clients = [threading.Thread(target=write, args=(client,)) for client in range(64)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(failed, [])
        self.group.wait_equal()
        self.assertEqual(nodes[0].status()["entries"], 320)

    def test_status_and_members(self):
        """The status names who is dead and who left; removing one takes it out of the agreement for good."""
        nodes = self.group.start(3)
        self.wait_agreed(nodes)
        self.assertEqual(attunectl(nodes[0], "status", "--check")[0], 0)
        nodes[2].kill()

        def state(name):
            found = [m["state"] for m in nodes[0].get("/v1/members").json["members"] if m["name"] == name]
            return found[0]

        wait_for(lambda: state("n3") == "dead", 30, what=lambda: nodes[0].get("/v1/members").json)
        nodes[0].put("/v1/schemas/posts", SCHEMA)
        self.assertEqual(attunectl(nodes[0], "status", "--check")[0], 7)
        removed = nodes[0].delete("/v1/members/n3")
        self.assertEqual((removed.status, removed.json), (200, {"name": "n3", "state": "removed"}))
        wait_for(lambda: nodes[0].status()["agreement"]["agreed"] is True, what=lambda: nodes[0].status())
        self.assertEqual(nodes[1].stop(), 0)
        wait_for(lambda: state("n2") == "left", what=lambda: nodes[0].get("/v1/members").json)

    def test_conflict(self):
        """Changes made apart are both kept and shown on every node alike, until one is decided for (G7)."""
        nodes = self.group.start(2)
        nodes[0].put("/v1/schemas/posts", SCHEMA)
        self.group.wait_equal()
        for node in nodes:
            node.kill()
        for number, node in enumerate(nodes):
            node.start()
            answer = node.put("/v1/schemas/posts", {"fields": {f"by_{node.name}": {"type": "string"}}})
            self.assertEqual((answer.status, answer.json["number"]), (200, 2))
            if number == 0:
                node.kill()
        nodes[0].start()
        self.group.wait_equal()
        shown = [node.get("/v1/conflicts").json["conflicts"] for node in nodes]
        self.assertEqual(shown[0], shown[1])
        self.assertEqual([version["node"] for version in shown[0][0]["versions"]], ["n1", "n2"])
        for node in nodes:
            entry = node.get("/v1/schemas/posts").json
            self.assertEqual((entry["conflict"], entry["node"]), (True, "n2"), "the later one is in force")
            self.assertIn("conflict", [warning["code"] for warning in node.status()["warnings"]])
            self.assertEqual(node.metrics()["attune_conflicts"], 1)
        behind = nodes[0].put("/v1/schemas/posts", SCHEMA, {"If-Match": "2"})
        self.assertEqual(behind.status, 412, "no number names one version of a conflict")
        self.assertEqual(nodes[0].put("/v1/schemas/posts", SCHEMA).json["number"], 3)
        self.group.wait_equal()
        for node in nodes:
            self.assertEqual(node.get("/v1/conflicts").json, {"conflicts": []})

    def test_sync_and_diff(self):
        """sync says how each exchange ended; diff names what differs, in both directions, and changes nothing."""
        nodes = self.group.start(2)
        nodes[0].put("/v1/schemas/posts", SCHEMA)
        self.group.wait_equal()
        results = nodes[0].post("/v1/sync").json["members"]
        self.assertEqual(results, [{"name": "n2", "result": "equal"}])
        self.assertEqual(
            nodes[0].get("/v1/diff/n2").json, {"member": "n2", "differences": [], "complete": True}
        )
        self.assertEqual(attunectl(nodes[0], "diff")[0], 0)
        nodes[1].signal(signal.SIGSTOP)
        answer = nodes[0].get("/v1/diff/n2")
        self.assertEqual((answer.status, answer.code), (503, "unreachable"), answer)
        nodes[1].signal(signal.SIGCONT)

    def test_clients_that_leave(self):
        """Clients that leave while they wait cost nothing: the node goes on, rests, and still stops cleanly."""
        nodes = self.group.start(2)
        nodes[1].signal(signal.SIGSTOP)
        host, port = nodes[0].info["http"].rsplit(":", 1)
        for number in range(50):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                target = "GET /v1/diff/n2" if number % 2 else "POST /v1/sync"
                connection.sendall(f"{target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        self.assertEqual(nodes[0].put("/v1/schemas/posts", SCHEMA).status, 201)

        def sockets():
            return len(list(pathlib.Path(f"/proc/{nodes[0].process.pid}/fd").iterdir()))

        wait_for(lambda: sockets() < 40, what=lambda: f"{sockets()} descriptors are open")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /v1/diff/n2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            before = cpu_seconds(nodes[0])
            self.assertIn(b" 503 ", connection.recv(4096))
            self.assertLess(cpu_seconds(nodes[0]) - before, 0.5, "a waiting request does not spin the loop")
            connection.sendall(b"GET /v1/diff/n2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(nodes[0].stop(), 0)
        nodes[1].signal(signal.SIGCONT)

    def test_stale(self):
        """A node that is cut off answers `stale` to who asks for fresh, and answers all others (G5, DESIGN 7.7)."""
        nodes = self.group.start(2)
        self.wait_agreed(nodes)
        wait_for(
            lambda: nodes[0].post("/v1/check/posts?max_staleness=2s", "{}").status == 200,
            what="an exchange of its own makes the node fresh; what others say does not",
        )
        nodes[1].signal(signal.SIGSTOP)
        stale = wait_for(
            lambda: [a for a in [nodes[0].post("/v1/check/posts?max_staleness=500ms", "{}")] if a.status != 200]
        )[0]
        self.assertEqual((stale.status, stale.code), (503, "stale"))
        self.assertTrue(stale.headers["Retry-After"])
        self.assertEqual(attunectl(nodes[0], "check", "posts", "-d", "{}", "--max-staleness", "500ms")[0], 9)
        self.assertEqual(nodes[0].post("/v1/check/posts", "{}").status, 200)
        nodes[1].signal(signal.SIGCONT)
        wait_for(lambda: nodes[0].post("/v1/check/posts?max_staleness=2s", "{}").status == 200)

    def test_second_signal(self):
        """A second SIGTERM ends the node at once, also while it drains."""
        nodes = self.group.start(2)
        nodes[1].signal(signal.SIGSTOP)
        nodes[0].signal(signal.SIGTERM)
        nodes[0].signal(signal.SIGTERM)
        self.assertEqual(nodes[0].process.wait(timeout=5), 0)
        nodes[1].signal(signal.SIGCONT)


if __name__ == "__main__":
    cluster.main()
