#!/usr/bin/env python3
"""attunectl against a real node: what it prints, and its exit codes (DESIGN 10.3)."""

import json
import os
import pty
import subprocess
import unittest

import cluster
from cluster import attunectl


class Attunectl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.group = cluster.Cluster()
        cls.node = cls.group.start(1)[0]

    @classmethod
    def tearDownClass(cls):
        cls.group.__exit__()

    def setUp(self):
        for entry in self.node.get("/v1/schemas").json["schemas"]:
            self.node.delete(f"/v1/schemas/{cluster.quote(entry['entity'])}?cascade=1")

    def ctl(self, *arguments, code=0, input=None):
        got, out, err = attunectl(self.node, *arguments, input=input)
        self.assertEqual(got, code, (arguments, out, err))
        self.assertEqual(err == "", code in (0, 7, 8), (arguments, err))
        return err if err else out

    def test_schema(self):
        """set in both forms, get, list, drop."""
        flat = '{"title":{"type":"string","required":true}}'
        first = json.loads(self.ctl("schema", "set", "posts", "-f", "-", input=flat))
        self.assertEqual(first["fields"], {"title": {"type": "string", "required": True}})
        same = json.loads(self.ctl("schema", "set", "posts", "-f", "-", input=f'{{"fields":{flat}}}'))
        self.assertEqual(same, first)
        self.assertEqual(json.loads(self.ctl("schema", "get", "posts")), first)
        self.assertEqual(json.loads(self.ctl("schema", "list")), {"schemas": [first]})
        table = self.ctl("schema", "get", "posts", "--format", "table")
        self.assertRegex(table, r"title +string +yes +-")
        self.assertIn("dropped posts", self.ctl("schema", "drop", "posts", "--format", "table"))
        self.ctl("schema", "get", "posts", code=3)
        self.ctl("schema", "drop", "posts", code=3)

    def test_flat_field_called_fields(self):
        """A flat file whose only field is called `fields` is not taken for the other form."""
        entry = json.loads(self.ctl("schema", "set", "posts", "-f", "-", input='{"fields":{"type":"string"}}'))
        self.assertEqual(entry["fields"], {"fields": {"type": "string", "required": False}})
        self.assertIn("line 2", self.ctl("schema", "set", "p", "-f", "-", input='{"fields":\n{]}', code=2))

    def test_files(self):
        """A schema file, import and export by file."""
        directory = self.group.directory
        (directory / "posts.json").write_text('{"fields":{"a":{"type":"string"}}}')
        self.ctl("schema", "set", "posts", "-f", str(directory / "posts.json"))
        self.ctl("export", str(directory / "out.jsonl"))
        text = (directory / "out.jsonl").read_text()
        self.assertEqual(text, self.ctl("export"))
        self.ctl("schema", "drop", "posts")
        self.assertEqual(json.loads(self.ctl("import", str(directory / "out.jsonl"))), {"imported": 1, "unchanged": 0})
        self.assertEqual(self.ctl("import", "-", "--format", "table", input=text), "0 imported, 1 unchanged\n")
        self.assertIn("line 2", self.ctl("import", "-", input=text + "{\n", code=2))
        self.ctl("import", str(directory / "absent"), code=1)
        self.ctl("schema", "set", "posts", "-f", str(directory / "absent"), code=1)

    def test_constraints_and_indexes(self):
        """Default names, and every kind of constraint."""
        self.ctl("schema", "set", "users", "-f", "-", input='{"id":{"type":"integer"},"mail":{"type":"string"}}')
        self.ctl("schema", "set", "posts", "-f", "-", input='{"author":{"type":"integer"},"day":{"type":"string"}}')
        unique = json.loads(self.ctl("constraint", "add", "users", "--unique", "id,mail"))
        self.assertEqual((unique["name"], unique["fields"]), ("users_id_mail_key", ["id", "mail"]))
        key = json.loads(self.ctl("constraint", "add", "posts", "--fk", "author:users:id"))
        self.assertEqual((key["name"], key["on_delete"]), ("posts_author_fkey", "restrict"))
        self.assertEqual(key["references"], {"entity": "users", "fields": ["id"]})
        null = json.loads(self.ctl("constraint", "add", "posts", "--not-null", "day"))
        self.assertEqual(null["name"], "posts_day_not_null")
        named = json.loads(self.ctl("index", "add", "posts", "--fields", "day,author"))
        self.assertEqual((named["name"], named["fields"]), ("posts_day_author_idx", ["day", "author"]))
        self.ctl("index", "add", "posts", "--name", "other", "--fields", "day")
        self.assertEqual(len(json.loads(self.ctl("constraint", "list"))["constraints"]), 3)
        self.assertEqual(len(json.loads(self.ctl("constraint", "list", "users"))["constraints"]), 1)
        self.assertEqual(len(json.loads(self.ctl("index", "list", "posts"))["indexes"]), 2)
        self.assertEqual(json.loads(self.ctl("index", "get", "posts", "other"))["fields"], ["day"])
        self.assertIn("users(id)", self.ctl("constraint", "list", "--format", "table"))
        self.ctl("constraint", "add", "posts", "--fk", "author:users:id:cascade", "--name", "again", code=0)
        self.ctl("constraint", "remove", "posts", "again")
        self.ctl("constraint", "get", "posts", "again", code=3)
        self.ctl("schema", "drop", "users", code=4)
        self.ctl("schema", "drop", "users", "--cascade")
        self.ctl("constraint", "get", "posts", "posts_author_fkey", code=3)

    def test_if_number_and_dry_run(self):
        """--if-number refuses with 4; --dry-run changes nothing."""
        schema = '{"fields":{}}'
        self.ctl("schema", "set", "posts", "-f", "-", "--if-number", "0", "--dry-run", input=schema)
        self.ctl("schema", "get", "posts", code=3)
        number = json.loads(self.ctl("schema", "set", "posts", "-f", "-", "--if-number", "0", input=schema))["number"]
        self.ctl("schema", "set", "posts", "-f", "-", "--if-number", "0", input='{"a":{"type":"any"}}', code=4)
        self.ctl("schema", "drop", "posts", "--if-number", str(number + 1), code=4)
        self.ctl("schema", "drop", "posts", "--if-number", str(number))

    def test_check(self):
        """0 for a valid record, 8 for an invalid one, 2 for none."""
        self.ctl("schema", "set", "posts", "-f", "-", input='{"title":{"type":"string","required":true}}')
        self.assertTrue(json.loads(self.ctl("check", "posts", "-d", '{"title":"x"}'))["valid"])
        self.assertFalse(json.loads(self.ctl("check", "posts", "-d", "{}", code=8))["valid"])
        self.assertIn("title", self.ctl("check", "posts", "-f", "-", "--format", "table", input="{}", code=8))
        self.ctl("check", "posts", "-d", "{", code=2)
        self.ctl("check", "posts", "-d", "{}", "--max-staleness", "5", code=2)

    def test_cluster_commands(self):
        """status, members, digest, diff, conflicts, sync of a cluster of one."""
        self.assertTrue(json.loads(self.ctl("status", "--check"))["agreement"]["agreed"])
        self.assertRegex(self.ctl("status", "--format", "table"), "agreed +yes since 20")
        self.assertEqual(json.loads(self.ctl("members"))["members"][0]["name"], "n1")
        self.ctl("members", "remove", "nobody", code=3)
        self.ctl("members", "remove", "n1", code=4)
        self.assertEqual(json.loads(self.ctl("digest"))["root"], self.node.root())
        self.assertEqual(json.loads(self.ctl("diff")), {"diffs": []})
        self.ctl("diff", "nobody", code=3)
        self.assertEqual(json.loads(self.ctl("conflicts")), {"conflicts": []})
        self.assertEqual(json.loads(self.ctl("sync")), {"members": []})

    def test_usage(self):
        """What is no command, lacks an argument, or has a flag without effect is 2."""
        for arguments in [
            [],
            ["nothing"],
            ["schema"],
            ["schema", "get"],
            ["schema", "get", "a", "b"],
            ["schema", "get", ""],
            ["schema", "set", "posts"],
            ["schema", "list", "--cascade"],
            ["constraint", "add", "posts"],
            ["constraint", "add", "posts", "--unique", "a", "--not-null", "b"],
            ["constraint", "add", "posts", "--fk", "a:b"],
            ["constraint", "add", "posts", "--fk", "a:b:c:restrict:d"],
            ["index", "add", "posts"],
            ["check", "posts"],
            ["digest", "--format", "xml"],
            ["digest", "--unknown"],
        ]:
            self.ctl(*arguments, code=2)

    def test_unreachable(self):
        """6 if nobody answers, whatever the environment says of proxies."""
        for url in ["http://127.0.0.1:1", "127.0.0.1:1", "unix:/nonexistent"]:
            self.assertEqual(attunectl(url, "status")[0], 6)
        address = self.node.info["http"]
        environment = {**cluster.clean_environment(), "http_proxy": "http://127.0.0.1:1"}
        done = subprocess.run(
            [cluster.ATTUNECTL, "--http", address, "digest"], env=environment, capture_output=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_terminal(self):
        """On a terminal a table, elsewhere JSON."""
        master, terminal = pty.openpty()
        environment = {**cluster.clean_environment(), "ATTUNE_HTTP": self.node.info["http"]}
        subprocess.run([cluster.ATTUNECTL, "members"], env=environment, stdout=terminal, check=True)
        os.close(terminal)
        self.assertIn(b"MEMBER", os.read(master, 4096))
        os.close(master)


if __name__ == "__main__":
    cluster.main()
