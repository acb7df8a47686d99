#!/usr/bin/env python3
"""Waiting for agreement and staged changes on real nodes, by HTTP and by attunectl (DESIGN 7.5 to 7.7)."""

import json
import os
import pty
import signal
import subprocess
import threading
import time
import unittest

import cluster
from cluster import attunectl, wait_for

SCHEMA = {"fields": {"title": {"type": "string"}}}
OTHER = {"fields": {"title": {"type": "string"}, "views": {"type": "integer"}}}


def states(members):
    return {member["name"]: member["state"] for member in members}


class OnNodes(unittest.TestCase):
    def setUp(self):
        self.group = cluster.Cluster()
        self.addCleanup(self.group.__exit__)

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        return answer.json["error"]

    def member_state(self, node, name):
        return {m["name"]: m["state"] for m in node.get("/v1/members").json["members"]}[name]


class Agreement(OnNodes):
    def test_all_confirm(self):
        """A write with wait is answered when every member has it on disk; so are a drop and an import."""
        nodes = self.group.start(3)
        made = nodes[1].put("/v1/schemas/posts?wait=10s", SCHEMA)
        self.assertEqual(made.status, 201, made)
        for node in nodes:
            self.assertEqual(node.get("/v1/schemas/posts").json, made.json)
        again = nodes[2].put("/v1/schemas/posts?wait", SCHEMA)
        self.assertEqual((again.status, again.json), (200, made.json), "what is in force already is waited for as well")
        self.assertEqual(nodes[0].put("/v1/indexes/posts/i?wait=10s", {"fields": ["title"]}).status, 201)
        dropped = nodes[0].delete("/v1/schemas/posts?wait=10s")
        self.assertEqual((dropped.status, len(dropped.json["also_dropped"])), (200, 1))
        for node in nodes:
            self.assertEqual(node.get("/v1/indexes/posts/i").status, 404)
        lines = "\n".join(json.dumps({"kind": "schema", "entity": f"e{i}", "fields": {}}) for i in range(50))
        self.assertEqual(nodes[2].post("/v1/import?wait=10s", lines).json["imported"], 50)
        self.assertEqual(len({node.root() for node in nodes}), 1)
        answer = nodes[0].post("/v1/agreement", {"timeout": "10s"})
        self.assertEqual((answer.status, list(answer.json), answer.json["agreed"]), (200, ["agreed", "members"], True))
        self.assertEqual([list(member) for member in answer.json["members"]], [["name", "state", "since_ms"]] * 3)
        self.assertEqual(states(answer.json["members"]), {"n1": "agreed", "n2": "agreed", "n3": "agreed"})
        self.assertEqual(nodes[0].metrics()['attune_agreement_waits_total{result="agreed"}'], 3)

    def test_frozen(self):
        """A frozen member is named at the deadline, and the write stands; once it is dead, skip_dead does without it."""
        nodes = self.group.start(3)
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        nodes[2].signal(signal.SIGSTOP)
        begin = time.monotonic()
        self.assertEqual(nodes[0].put("/v1/schemas/posts?wait=10s&dry_run=1", OTHER).status, 200, "nobody waits for a check")
        error = self.refused(nodes[0].put("/v1/schemas/posts?wait=1s", OTHER), 504, "not_agreed")
        self.assertLess(time.monotonic() - begin, 5)
        self.assertGreaterEqual(time.monotonic() - begin, 0.9)
        self.assertIn("the write stands", error["message"])
        named = states(error["details"])
        self.assertEqual((named["n1"], named["n2"]), ("agreed", "agreed"))
        self.assertIn(named["n3"], ("unreachable", "lagging"))
        self.assertEqual(nodes[0].get("/v1/schemas/posts").json["number"], 2)
        wait_for(lambda: self.member_state(nodes[0], "n3") == "dead", 20)
        key = {"kind": "schema", "entity": "posts"}
        answer = nodes[0].post("/v1/agreement", {**key, "timeout": "500ms"})
        self.assertEqual((answer.status, answer.json["agreed"]), (504, False))
        self.assertEqual(states(answer.json["members"])["n3"], "unreachable")
        answer = nodes[0].post("/v1/agreement", {**key, "timeout": "5s", "skip_dead": True})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(nodes[1].put("/v1/schemas/posts?wait=5s&skip_dead=1", SCHEMA).status, 200)
        nodes[2].signal(signal.SIGCONT)
        self.assertEqual(nodes[0].post("/v1/agreement", {"timeout": "20s"}).status, 200)
        self.assertEqual(nodes[0].metrics()['attune_agreement_waits_total{result="not_agreed"}'], 2)

    def test_minority_cannot_skip(self):
        """With skip_dead a majority of all has still to confirm."""
        nodes = self.group.start(3)
        nodes[1].kill()
        nodes[2].kill()
        wait_for(lambda: {self.member_state(nodes[0], name) for name in ("n2", "n3")} == {"dead"}, 30)
        answer = nodes[0].put("/v1/schemas/posts?wait=500ms&skip_dead=1", SCHEMA)
        self.refused(answer, 504, "not_agreed")

    def test_at_once(self):
        """0 answers from what is known, without waiting."""
        nodes = self.group.start(3)
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        wait_for(lambda: nodes[0].post("/v1/agreement", {"timeout": "0"}).status == 200)
        nodes[1].signal(signal.SIGSTOP)
        begin = time.monotonic()
        answer = nodes[0].put("/v1/schemas/posts?wait=0", OTHER)
        self.assertLess(time.monotonic() - begin, 0.5)
        self.refused(answer, 504, "not_agreed")
        self.assertEqual(nodes[0].get("/v1/schemas/posts").json["number"], 2)
        nodes[1].signal(signal.SIGCONT)

    def test_bad_input(self):
        """Each is answered with a code of its own, and nothing is changed."""
        node = self.group.start(1)[0]
        root = node.root()
        for wait in ["5", "1y", "61m", "-1s", "1.5s", "", "s", "99999999999s"]:
            self.refused(node.put(f"/v1/schemas/posts?wait={wait}", SCHEMA), 400, "malformed")
            self.refused(node.post("/v1/agreement", {"timeout": wait}), 400, "malformed")
        self.refused(node.post("/v1/agreement", {"kind": "schema", "entity": "absent"}), 404, "not_found")
        self.refused(node.post("/v1/agreement", {"kind": "index", "entity": "absent", "name": "i"}), 404, "not_found")
        self.refused(node.delete("/v1/schemas/absent?wait=1s"), 404, "not_found")
        self.refused(node.delete("/v1/schemas/absent?staged=1"), 404, "not_found")
        self.refused(node.delete("/v1/schemas/absent?abort=1"), 409, "state")
        self.refused(node.put("/v1/schemas/posts?staged=1&wait=5s", "{"), 400, "malformed")
        self.assertEqual(node.root(), root)
        node.put("/v1/schemas/posts", SCHEMA)
        root = node.root()
        self.refused(node.delete("/v1/schemas/posts?abort=1"), 409, "state")
        self.refused(node.request("PUT", "/v1/schemas/posts?staged=1&abort=1"), 409, "state")
        self.assertEqual(node.root(), root)
        checked = node.put("/v1/schemas/posts?wait=1s&dry_run=1", OTHER)
        self.assertEqual((checked.status, node.root()), (200, root))

    def test_not_ready(self):
        """A node that is still joining waits for nothing and stages nothing."""
        node = self.group.node("n1").start("127.0.0.1:1")
        for answer in [node.post("/v1/agreement", {"timeout": "1s"}), node.put("/v1/schemas/posts?wait=1s", SCHEMA),
                       node.put("/v1/schemas/posts?staged=1", SCHEMA)]:
            self.refused(answer, 503, "joining")
            self.assertIn("Retry-After", answer.headers)
        codes = {finding["code"] for finding in node.get("/v1/doctor").json["findings"]}
        self.assertIn("joining", codes)

    def test_caller_leaves(self):
        """A caller that goes away leaves its write standing, and nothing behind."""
        nodes = self.group.start(2)
        nodes[1].signal(signal.SIGSTOP)
        with self.assertRaises(TimeoutError):
            nodes[0].request("PUT", "/v1/schemas/posts?wait=30s", SCHEMA, timeout=0.5)
        self.assertEqual(nodes[0].get("/v1/schemas/posts").status, 200)
        nodes[1].signal(signal.SIGCONT)
        self.group.wait_equal()
        self.assertEqual(nodes[0].stop(), 0)

    def test_daemon_stops(self):
        """A daemon that is stopped answers who waits: the write stands."""
        nodes = self.group.start(2)
        nodes[1].signal(signal.SIGSTOP)
        ctl = subprocess.Popen(
            [cluster.ATTUNECTL, "schema", "set", "posts", "-f", "-", "--wait=1m"], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**cluster.clean_environment(), "ATTUNE_HTTP": nodes[0].info["http"]})
        ctl.stdin.write(json.dumps(SCHEMA))
        ctl.stdin.close()
        ctl.stdin = None
        wait_for(lambda: nodes[0].get("/v1/schemas/posts").status == 200)
        self.assertEqual(nodes[0].stop(), 0)
        err = ctl.communicate(timeout=20)[1]
        self.assertEqual(ctl.returncode, 1, err)
        self.assertIn("stands", err)


class Staged(OnNodes):
    def test_set_and_drop(self):
        """A staged change ends in force everywhere, with a version for each step; from any node; a drop as well."""
        nodes = self.group.start(3)
        made = nodes[1].put("/v1/schemas/posts?staged=1", SCHEMA)
        self.assertEqual((made.status, made.json["state"], made.json["number"]), (201, "active", 2), made)
        for node in nodes:
            self.assertEqual(node.get("/v1/schemas/posts").json, made.json)
        changed = nodes[2].put("/v1/schemas/posts?staged=1&wait=10s", OTHER)
        self.assertEqual((changed.status, changed.json["number"]), (200, 4), changed)
        dropped = nodes[0].delete("/v1/schemas/posts?staged=1&wait=10s")
        self.assertEqual((dropped.status, dropped.json["state"]), (200, "dropped"), dropped)
        for node in nodes:
            self.assertEqual(node.get("/v1/schemas/posts").status, 404)

    def test_resume_and_abort(self):
        """What is pending is shown everywhere, goes on from any node, and can be taken back from any."""
        nodes = self.group.start(3)
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        nodes[2].signal(signal.SIGSTOP)
        wait_for(lambda: self.member_state(nodes[0], "n3") == "dead", 30)
        # --skip-dead takes the first step past the dead member; without it the change then waits
        answer = nodes[0].put("/v1/schemas/posts?staged=1&wait=1s", OTHER)
        error = self.refused(answer, 504, "not_agreed")
        self.assertIn("n3", states(error["details"]))
        self.assertEqual(nodes[0].get("/v1/schemas/posts").json["fields"], nodes[1].get("/v1/schemas/posts").json["fields"])
        nodes[2].signal(signal.SIGCONT)
        wait_for(lambda: self.member_state(nodes[0], "n3") == "alive", 30)
        done = nodes[1].put("/v1/schemas/posts?staged=1&wait=20s", OTHER)
        self.assertEqual((done.status, done.json["state"]), (200, "active"), done)
        self.group.wait_equal()
        self.assertEqual(nodes[2].get("/v1/schemas/posts").json, done.json)

    def test_skip_dead(self):
        """With skip_dead a staged change passes a member that is dead and was silent for longer than the freshness limit."""
        nodes = self.group.start(3, "--freshness-limit", "1s")
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        nodes[2].kill()
        wait_for(lambda: self.member_state(nodes[0], "n3") == "dead", 30)
        self.refused(nodes[0].put("/v1/schemas/posts?staged=1&wait=500ms", OTHER), 504, "not_agreed")
        done = nodes[0].put("/v1/schemas/posts?staged=1&wait=10s&skip_dead=1", OTHER)
        self.assertEqual((done.status, done.json["state"]), (200, "active"), done)
        code, out, err = attunectl(nodes[1], "schema", "drop", "posts", "--staged", "--skip-dead", "--wait=10s", "--format", "table")
        self.assertEqual((code, out), (0, "dropped posts\n"), err)

    def test_pending(self):
        """A change that is pending is told by status, why and doctor, refuses other writes, and can be aborted."""
        nodes = self.group.start(2)
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        line = {"kind": "schema", "entity": "posts", "state": "pending_add", **OTHER}
        taken = nodes[0].post("/v1/import?wait=10s", json.dumps(line))
        if taken.status != 200:
            self.skipTest(f"pending states cannot be imported: {taken}")
        for node in nodes:
            pending = node.status()["pending"]
            self.assertEqual([(p["kind"], p["entity"], p["state"], p["node"]) for p in pending],
                             [("schema", "posts", "pending_add", "n1")])
            found = [f for f in node.get("/v1/doctor").json["findings"] if f["code"] == "pending"]
            self.assertEqual((found[0]["subject"], found[0]["severity"]), ("schema posts", "info"))
            why = node.get("/v1/why/schema/posts").json
            self.assertEqual(why["versions"][0]["previous"]["fields"].keys(), SCHEMA["fields"].keys())
        self.refused(nodes[1].put("/v1/schemas/posts", SCHEMA), 409, "state")
        self.refused(nodes[1].put("/v1/schemas/posts?staged=1", {"fields": {}}), 409, "state")
        self.refused(nodes[1].delete("/v1/schemas/posts"), 409, "state")
        back = nodes[1].delete("/v1/schemas/posts?abort=1&wait=10s")
        self.assertEqual((back.status, back.json["state"], list(back.json["fields"])), (200, "active", ["title"]), back)
        self.assertEqual([node.status()["pending"] for node in nodes], [[], []])

    def test_belongs_to_its_node(self):
        """A pending change goes on from any node, by its owner: unreachable, it waits; removed, another one takes it."""
        nodes = self.group.start(3)
        for entity in ("posts", "users"):
            line = {"kind": "schema", "entity": entity, "state": "pending_add", **SCHEMA}
            self.assertEqual(nodes[0].post("/v1/import?wait=10s", json.dumps(line)).status, 200)
        done = nodes[1].put("/v1/schemas/posts?staged=1&wait=10s", SCHEMA)
        self.assertEqual((done.status, done.json["state"], done.json["node"]), (200, "active", "n1"), done)
        nodes[0].kill()
        for answer in [nodes[1].put("/v1/schemas/users?staged=1&wait=1s", SCHEMA),
                       nodes[1].delete("/v1/schemas/users?abort=1&wait=1s")]:
            self.assertEqual((answer.status, answer.code), (503, "unreachable"), answer)
            self.assertEqual(nodes[2].status()["pending"][0]["entity"], "users")
        self.assertEqual(nodes[1].delete("/v1/members/n1").status, 200)
        taken = wait_for(lambda: (a := nodes[2].put("/v1/schemas/users?staged=1&wait=5s", SCHEMA)).status == 200 and a, 20)
        self.assertEqual((taken.json["state"], taken.json["node"]), ("active", "n3"))
        self.assertEqual(nodes[1].get("/v1/schemas/users").json, taken.json)


class Freshness(OnNodes):
    def test_cut_off(self):
        """A node that was cut off answers stale, with Retry-After and the age, and fresh again after it is back."""
        nodes = self.group.start(3)
        nodes[0].put("/v1/schemas/posts?wait=10s", SCHEMA)
        wait_for(lambda: nodes[0].post("/v1/check/posts?max_staleness=1s", {"title": "x"}).status == 200)
        age = nodes[0].metrics()["attune_agreement_age_seconds"]
        self.assertLess(age, 1)
        for node in nodes[1:]:
            node.signal(signal.SIGSTOP)
        answer = wait_for(lambda: (a := nodes[0].post("/v1/check/posts?max_staleness=1s", {"title": "x"})).status == 503 and a)
        self.refused(answer, 503, "stale")
        self.assertIn("Retry-After", answer.headers)
        self.assertRegex(answer.json["error"]["message"], "[0-9]+ ms ago")
        loose = nodes[0].post("/v1/check/posts", {"title": "x"})
        self.assertEqual(loose.status, 200)
        self.assertGreater(loose.json["agreement_age_ms"], 1000)
        self.assertGreater(nodes[0].metrics()["attune_agreement_age_seconds"], 1)
        self.assertGreaterEqual(nodes[0].metrics()["attune_stale_answers_total"], 1)
        code, _, err = attunectl(nodes[0], "check", "posts", "-d", '{"title":"x"}', "--max-staleness", "1s")
        self.assertEqual(code, 9, err)
        stale = wait_for(lambda: nodes[0].post("/v1/check/posts?max_staleness", {"title": "x"}).status == 503, 10,
                         "without a value the limit is freshness_limit, 5 s")
        self.assertTrue(stale)
        codes = {f["code"]: f["severity"] for f in nodes[0].get("/v1/doctor").json["findings"]}
        self.assertEqual(codes["not_fresh"], "error")
        self.assertEqual(codes["unreachable"], "error")
        for node in nodes[1:]:
            node.signal(signal.SIGCONT)
        wait_for(lambda: nodes[0].post("/v1/check/posts?max_staleness=1s", {"title": "x"}).status == 200)

    def test_unknown(self):
        """A node that was just started and meets nobody does not know its age: stale, null, NaN."""
        nodes = self.group.start(2)
        for node in nodes:
            node.kill()
        nodes[0].start()
        answer = nodes[0].post("/v1/check/posts?max_staleness=1h", {})
        self.refused(answer, 503, "stale")
        self.assertIsNone(nodes[0].post("/v1/check/posts", {}).json["agreement_age_ms"])
        age = nodes[0].metrics()["attune_agreement_age_seconds"]
        self.assertNotEqual(age, age, "NaN")


class Command(OnNodes):
    def terminal(self, node, *arguments, input=None, seconds=30):
        """Runs attunectl with stderr on a terminal: (exit code, stdout, what the terminal saw)."""
        master, terminal = pty.openpty()
        process = subprocess.Popen(
            [str(cluster.ATTUNECTL), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=terminal, text=True,
            env={**cluster.clean_environment(), "ATTUNE_HTTP": node.info["http"]})
        os.close(terminal)
        out, _ = process.communicate(input, timeout=seconds)
        seen = b""
        try:
            while got := os.read(master, 65536):
                seen += got
        except OSError:
            pass  # nobody has the other side any more
        os.close(master)
        return process.returncode, out, seen.decode()

    def test_wait(self):
        """wait and --wait: 0 with the members, 5 with those that lack it, 2 and 3 for what cannot be waited for."""
        nodes = self.group.start(3)
        text = json.dumps(SCHEMA)
        code, out, err = attunectl(nodes[0], "schema", "set", "posts", "-f", "-", "--wait", input=text)
        self.assertEqual((code, err, json.loads(out)["number"]), (0, "", 1))
        code, out, err = attunectl(nodes[0], "wait")
        self.assertEqual((code, err, len(json.loads(out)["members"])), (0, "", 3))
        code, out, err = attunectl(nodes[0], "wait", "schema", "posts", "--format", "table")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"MEMBER +STATE +SINCE\nn1 +agreed")
        for arguments, wanted in [(["wait", "schema"], 2), (["wait", "table", "posts"], 2), (["wait", "schema", "absent"], 3),
                                  (["wait", "--timeout", "1y"], 2), (["wait", "--timeout", "5"], 2),
                                  (["wait", "schema", "posts", "x", "y"], 2), (["wait", "--wait"], 2)]:
            code, out, err = attunectl(nodes[0], *arguments)
            self.assertEqual(code, wanted, (arguments, out, err))
            self.assertNotEqual(err, "")
        nodes[1].signal(signal.SIGSTOP)
        code, out, err = attunectl(nodes[0], "wait", "--timeout", "500ms")
        self.assertEqual((code, json.loads(out)["agreed"]), (5, False), "each wait asks anew")
        code, out, err = attunectl(nodes[0], "schema", "set", "posts", "-f", "-", "--wait=500ms", input=json.dumps(OTHER))
        self.assertEqual((code, out), (5, ""))
        self.assertIn("the write stands", err)
        self.assertRegex(err, r"n2: (unreachable|lagging)")
        code, out, err = attunectl(nodes[0], "wait", "schema", "posts", "--timeout", "0")
        self.assertEqual((code, json.loads(out)["agreed"]), (5, False))
        nodes[1].signal(signal.SIGCONT)

    def test_progress(self):
        """On a terminal a line says how many have confirmed and who is waited for; it is gone at the end."""
        nodes = self.group.start(3)
        nodes[1].signal(signal.SIGSTOP)
        code, out, seen = self.terminal(nodes[0], "schema", "set", "posts", "-f", "-", "--wait=2500ms", input=json.dumps(SCHEMA))
        self.assertEqual((code, json.loads(out or "{}")), (5, {}), seen)
        self.assertRegex(seen, r"2 of 3 agreed, waiting for n2: (unreachable|lagging)")
        self.assertIn("the write stands", seen)
        self.assertEqual(nodes[0].get("/v1/schemas/posts").status, 200)
        threading.Timer(1.5, lambda: nodes[1].signal(signal.SIGCONT)).start()
        code, out, seen = self.terminal(nodes[0], "wait", "--timeout", "20s", "--format", "json")
        self.assertEqual((code, json.loads(out)["agreed"]), (0, True), seen)
        self.assertRegex(seen, r"2 of 3 agreed, waiting for n2")
        self.assertTrue(seen.endswith("\r\x1b[K"), repr(seen))
        code, out, seen = self.terminal(nodes[0], "schema", "set", "more", "-f", "-", "--staged", "--wait=20s", input=json.dumps(SCHEMA))
        self.assertEqual((code, json.loads(out)["state"]), (0, "active"), seen)
        code, out, seen = self.terminal(nodes[2], "schema", "drop", "more", "--staged", "--format", "table")
        self.assertEqual((code, out), (0, "dropped more\n"), seen)

    def test_staged(self):
        """--staged, and --abort of what is not pending: 4."""
        nodes = self.group.start(2)
        code, out, err = attunectl(nodes[0], "schema", "set", "posts", "-f", "-", "--staged", input=json.dumps(SCHEMA))
        self.assertEqual((code, json.loads(out)["state"]), (0, "active"), err)
        for arguments in [["schema", "drop", "posts", "--abort"], ["schema", "set", "posts", "--abort"],
                          ["schema", "set", "posts", "--abort", "--staged"]]:
            code, out, err = attunectl(nodes[1], *arguments)
            self.assertEqual(code, 4, (arguments, out, err))
        code, out, err = attunectl(nodes[1], "constraint", "add", "posts", "--unique", "title", "--staged", "--wait=10s")
        self.assertEqual((code, json.loads(out)["state"]), (0, "active"), err)
        code, out, err = attunectl(nodes[1], "schema", "drop", "posts", "--staged", "--dry-run")
        self.assertEqual(code, 2, err)
        key = ("constraint", "add", "more", "--fk", "title:posts:title")
        self.assertEqual(attunectl(nodes[0], "schema", "set", "more", "-f", "-", "--wait", input=json.dumps(SCHEMA))[0], 0)
        self.assertEqual(attunectl(nodes[0], *key, "--wait")[0], 0)
        code, out, err = attunectl(nodes[1], "schema", "drop", "posts", "--staged")
        self.assertEqual(code, 4, err)
        code, out, err = attunectl(nodes[1], "schema", "drop", "posts", "--staged", "--cascade", "--format", "table")
        self.assertEqual((code, out), (0, "dropped posts\n"), err)
        self.assertEqual(attunectl(nodes[0], "constraint", "get", "more", "more_title_fkey")[0], 3)


if __name__ == "__main__":
    cluster.main()
