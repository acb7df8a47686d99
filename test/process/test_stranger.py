#!/usr/bin/env python3
"""Strangers at the gossip port: whatever they send is closed and counted, and the members do not notice (G8, G9)."""

import pathlib
import random
import resource
import socket
import struct
import unittest

import cluster
from cluster import wait_for

SCHEMA = {"fields": {"title": {"type": "string"}}}


class Stranger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.group = cluster.Cluster()
        cls.nodes = cls.group.start(2)
        cls.writes = 0

    @classmethod
    def tearDownClass(cls):
        cls.group.__exit__()

    def connect(self):
        host, port = self.nodes[0].info["gossip"].rsplit(":", 1)
        connection = socket.create_connection((host, int(port)), timeout=15)
        self.addCleanup(connection.close)
        return connection

    def closed(self, connection):
        """Reads until the node closes; what it sends before (its hello) does not matter."""
        try:
            while connection.recv(65536):
                pass
        except ConnectionError:
            pass

    def count(self):
        """Connections that the node closed, and frames and messages that it rejected."""
        return sum(
            number
            for name, number in self.nodes[0].metrics().items()
            if name.startswith(("attune_connections_closed_total", "attune_rejected_total"))
        )

    def send(self, data):
        before = self.count()
        connection = self.connect()
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        self.closed(connection)
        wait_for(lambda: self.count() > before, what=f"{data[:40]!r} is counted")
        self.unaffected()

    def unaffected(self):
        """Both nodes live, take a write, and have it."""
        type(self).writes += 1
        name = f"/v1/schemas/s{self.writes}"
        self.assertEqual(self.nodes[0].put(name, SCHEMA).status, 201)
        wait_for(lambda: self.nodes[1].get(name).status == 200, what="the write is on the other node")
        self.assertTrue(all(node.alive() for node in self.nodes))

    def test_random_bytes(self):
        """Random bytes, always the same ones."""
        generator = random.Random(7)
        for size in [5, 100, 10000, 100000]:
            self.send(struct.pack(">I", 3) + b"\xff" * 3 + generator.randbytes(size))

    def test_http(self):
        """An HTTP request at the gossip port."""
        self.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 100)

    def test_huge_frame(self):
        """A frame that declares 2^31 bytes is closed at once; nothing is allocated for it."""
        self.send(struct.pack(">I", 2**31) + b"\x91\x01")
        self.send(struct.pack(">I", 2**32 - 1))
        status = pathlib.Path(f"/proc/{self.nodes[0].process.pid}/status").read_text()
        resident_kib = int(status.split("VmRSS:")[1].split()[0])
        self.assertLess(resident_kib, 200 * 1024)

    def test_declared_counts(self):
        """Arrays, maps, strings and blobs that declare more than is there."""
        for body in [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]:
            self.send(struct.pack(">I", len(body)) + body)
            self.send(struct.pack(">I", len(body) + 2) + b"\x92\x01" + body)

    def test_nesting_bomb(self):
        """A million nested arrays."""
        body = b"\x91" * 1000000 + b"\xc0"
        self.send(struct.pack(">I", len(body)) + body)

    def test_cut_frame(self):
        """A frame that ends in the middle, with and without the end of the stream."""
        for end in [True, False]:
            connection = self.connect()
            connection.sendall(struct.pack(">I", 1000) + b"\x9d\x01")
            if end:
                connection.shutdown(socket.SHUT_WR)
            self.closed(connection)
            self.unaffected()

    def test_message_before_hello(self):
        """A well-formed message where a hello must stand."""
        body = b"\x92\x0c\x01"  # ping
        self.send(struct.pack(">I", len(body)) + body)

    def test_silence(self):
        """Who says nothing is closed when the time for a hello is over."""
        connection = self.connect()
        self.closed(connection)
        self.unaffected()

    def test_thousand_connections(self):
        """A thousand connections at once: bounded, closed, and members still talk."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1200:
            self.skipTest(f"only {hard} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        host, port = self.nodes[0].info["gossip"].rsplit(":", 1)
        connections = []
        try:
            for number in range(1000):
                connection = socket.socket()
                connection.setblocking(False)
                connection.connect_ex((host, int(port)))
                connections.append(connection)
            self.unaffected()
            metrics = self.nodes[0].metrics()
            self.assertLessEqual(metrics["attune_connections"], 512)
            for connection in connections:
                connection.setblocking(True)
                connection.settimeout(15)
                self.closed(connection)
        finally:
            for connection in connections:
                connection.close()
        self.unaffected()
        wait_for(lambda: self.nodes[0].metrics()["attune_connections"] <= 2, what="the connections are gone")


if __name__ == "__main__":
    cluster.main()
