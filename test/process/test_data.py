#!/usr/bin/env python3
"""Catalogs of real systems: imported on one node, replicated, and exported byte for byte alike on all.

The files are looked for in $ATTUNE_DATA, or in shared/data beside the source tree; without them this is skipped.
"""

import json
import os
import pathlib
import unittest

import cluster
from cluster import attunectl

DATA = pathlib.Path(os.environ.get("ATTUNE_DATA", cluster.ROOT.parent / "shared" / "data"))


def canonical(text):
    """The lines with sorted fields, in the order of an export."""
    order = {"schema": 0, "constraint": 1, "index": 2}
    entries = [json.loads(line) for line in text.splitlines()]
    for entry in entries:
        if entry["kind"] == "schema":
            entry["fields"] = dict(sorted(entry["fields"].items()))
    entries.sort(key=lambda e: (order[e["kind"]], e["entity"].encode(), e.get("name", "").encode()))
    return entries


@unittest.skipUnless(DATA.is_dir(), f"{DATA} is missing")
class RealData(unittest.TestCase):
    def replicate(self, name):
        text = (DATA / name).read_bytes()
        with cluster.Cluster() as group:
            nodes = group.start(3)
            code, out, err = attunectl(nodes[0], "import", str(DATA / name))
            self.assertEqual((code, json.loads(out)), (0, {"imported": text.count(b"\n"), "unchanged": 0}), err)
            group.wait_equal()
            exports = [node.get("/v1/export").body for node in nodes]
            self.assertEqual(len(set(exports)), 1)
            self.assertEqual([json.loads(line) for line in exports[0].splitlines()], canonical(text.decode()))
            self.assertEqual(nodes[0].status()["warnings"], [])
            again = nodes[1].post("/v1/import", exports[0])
            self.assertEqual(again.json, {"imported": 0, "unchanged": text.count(b"\n")})
            late = group.node("n4").start(nodes[2])
            cluster.wait_for(late.ready, what=lambda: late.log_text())
            group.wait_equal()
            self.assertEqual(late.get("/v1/export").body, exports[0])
            for node in group.nodes:
                node.kill()
            for node in group.nodes:
                node.start()
                self.assertEqual(node.get("/v1/export").body, exports[0])

    def test_openstreetmap(self):
        """The catalog of the OpenStreetMap web site (G4)."""
        self.replicate("openstreetmap.jsonl")

    def test_zabbix(self):
        """The catalog of Zabbix (G4)."""
        self.replicate("zabbix.jsonl")


if __name__ == "__main__":
    cluster.main()
