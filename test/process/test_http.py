#!/usr/bin/env python3
"""Each route of the HTTP interface of one node, and each kind of bad input (DESIGN 10.2)."""

import base64
import json
import signal
import socket
import unittest

import cluster
from cluster import quote, wait_for

SCHEMA = {"fields": {"title": {"type": "string", "required": True}, "views": {"type": "integer", "default": 0}}}
WRITABLE = ["/v1/schemas/posts", "/v1/constraints/posts/c", "/v1/indexes/posts/i"]


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster.Cluster()
        cls.node = cls.cluster.start(1, "--metrics", "127.0.0.1:0")[0]

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def setUp(self):
        for entry in self.node.get("/v1/schemas").json["schemas"]:
            self.node.delete(f"/v1/schemas/{quote(entry['entity'])}?cascade=1")
        for kind in ("constraints", "indexes"):
            for entry in self.node.get(f"/v1/{kind}").json[kind]:
                self.node.delete(f"/v1/{kind}/{quote(entry['entity'])}/{quote(entry['name'])}")

    def refused(self, answer, status, code=None, words=""):
        self.assertEqual(answer.status, status, answer)
        error = answer.json["error"]
        self.assertEqual(list(error), ["code", "message", "details"])
        self.assertIsInstance(error["details"], list)
        if code:
            self.assertEqual(error["code"], code, answer)
        self.assertIn(words, error["message"])
        return error


class Entries(HttpTest):
    def test_schema(self):
        """A schema is made, read, changed, listed and dropped."""
        made = self.node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual(made.status, 201, made)
        entry = made.json
        keys = ["kind", "entity", "fields", "number", "state", "origin", "node", "clock", "conflict"]
        self.assertEqual(list(entry), keys)
        self.assertEqual(entry["fields"]["title"], {"type": "string", "required": True})
        self.assertEqual(entry["fields"]["views"], {"type": "integer", "required": False, "default": 0})
        self.assertEqual((entry["state"], entry["conflict"], entry["node"]), ("active", False, "n1"))
        self.assertRegex(entry["origin"], "^[0-9a-f]{32}$")
        self.assertRegex(entry["clock"], "^[0-9a-f]{16}$")
        read = self.node.get("/v1/schemas/posts")
        self.assertEqual((read.status, read.json), (200, entry))
        self.assertEqual(read.headers["Content-Type"], "application/json")
        same = self.node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual((same.status, same.json), (200, entry), "what is in force already is no new version")
        changed = self.node.put("/v1/schemas/posts", {"fields": {"title": {"type": "string"}}})
        self.assertEqual((changed.status, changed.json["number"]), (200, entry["number"] + 1))
        listed = self.node.get("/v1/schemas").json
        self.assertEqual(listed, {"schemas": [changed.json]})
        dropped = self.node.delete("/v1/schemas/posts")
        self.assertEqual((dropped.status, dropped.json["entity"]), (200, "posts"))
        self.refused(self.node.get("/v1/schemas/posts"), 404, "not_found")
        self.refused(self.node.delete("/v1/schemas/posts"), 404, "not_found")
        again = self.node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual(again.status, 201)
        self.assertGreater(again.json["number"], changed.json["number"], "a dropped number is not used again")

    def test_constraint(self):
        """Constraints of the three types, listed by entity."""
        self.node.put("/v1/schemas/users", {"fields": {"id": {"type": "integer"}}})
        self.node.put("/v1/schemas/posts", {"fields": {"author": {"type": "integer"}}})
        key = {
            "type": "foreign_key",
            "fields": ["author"],
            "references": {"entity": "users", "fields": ["id"]},
            "on_delete": "restrict",
        }
        made = self.node.put("/v1/constraints/posts/posts_author", key)
        self.assertEqual(made.status, 201, made)
        self.assertEqual({name: made.json[name] for name in key}, key)
        self.assertEqual(self.node.put("/v1/constraints/users/u", {"type": "unique", "fields": ["id"]}).status, 201)
        self.assertEqual(self.node.put("/v1/constraints/users/n", {"type": "not_null", "fields": ["id"]}).status, 201)
        names = [entry["name"] for entry in self.node.get("/v1/constraints").json["constraints"]]
        self.assertEqual(names, ["posts_author", "n", "u"])
        of_users = self.node.get("/v1/constraints?entity=users").json["constraints"]
        self.assertEqual([entry["name"] for entry in of_users], ["n", "u"])
        self.assertEqual(self.node.delete("/v1/constraints/users/u").status, 200)
        self.refused(self.node.get("/v1/constraints/users/u"), 404, "not_found")

    def test_index(self):
        """Indexes are made, listed and dropped; a drop of the schema takes them along."""
        self.node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual(self.node.put("/v1/indexes/posts/by_title", {"fields": ["title"]}).status, 201)
        self.assertEqual(self.node.get("/v1/indexes/posts/by_title").json["fields"], ["title"])
        self.assertEqual(len(self.node.get("/v1/indexes?entity=posts").json["indexes"]), 1)
        self.assertEqual(self.node.get("/v1/indexes?entity=other").json, {"indexes": []})
        dropped = self.node.delete("/v1/schemas/posts")
        self.assertEqual(dropped.json["also_dropped"], [{"kind": "index", "entity": "posts", "name": "by_title"}])
        self.refused(self.node.get("/v1/indexes/posts/by_title"), 404)

    def test_names(self):
        """Any name within the rules can be used, whatever it needs in a URL."""
        for name in ["a b", "a%b", "ä€😀", "a?b&c=d", "..", "x" * 128, "+"]:
            made = self.node.put(f"/v1/schemas/{quote(name)}", {"fields": {}})
            self.assertEqual((made.status, made.json.get("entity")), (201, name), made)
            self.assertEqual(self.node.get(f"/v1/schemas/{quote(name)}").json["entity"], name)

    def test_if_match(self):
        """If-Match takes a number or an ETag; what is not at it is refused and unchanged."""
        made = self.node.put("/v1/schemas/posts", SCHEMA, {"If-Match": "0"})
        self.assertEqual(made.status, 201)
        self.refused(self.node.put("/v1/schemas/posts", {"fields": {}}, {"If-Match": "0"}), 412, "precondition_failed")
        number, tag = made.json["number"], made.headers["ETag"]
        changed = self.node.put("/v1/schemas/posts", {"fields": {}}, {"If-Match": tag})
        self.assertEqual((changed.status, changed.json["number"]), (200, number + 1))
        behind = self.node.put("/v1/schemas/posts", SCHEMA, {"If-Match": str(number)})
        self.refused(behind, 412, "precondition_failed")
        self.refused(self.node.delete("/v1/schemas/posts", {"If-Match": tag}), 412)
        self.assertEqual(self.node.get("/v1/schemas/posts").json, changed.json)
        for malformed in ["x", "-1", '"', "1, 2", "1" * 40, "*", " "]:
            answer = self.node.put("/v1/schemas/posts", SCHEMA, {"If-Match": malformed})
            if malformed.strip():
                self.refused(answer, 400, "malformed", "If-Match")
        self.assertEqual(self.node.delete("/v1/schemas/posts", {"If-Match": changed.headers["ETag"]}).status, 200)

    def test_dry_run(self):
        """dry_run checks and changes nothing."""
        root = self.node.root()
        self.assertEqual(self.node.put("/v1/schemas/posts?dry_run=1", SCHEMA).status, 201)
        self.assertEqual(self.node.root(), root)
        self.refused(self.node.get("/v1/schemas/posts"), 404)
        self.node.put("/v1/schemas/posts", SCHEMA)
        self.assertEqual(self.node.delete("/v1/schemas/posts?dry_run=true").status, 200)
        self.assertEqual(self.node.get("/v1/schemas/posts").status, 200)
        self.assertEqual(self.node.delete("/v1/schemas/posts?dry_run=0").status, 200)
        self.refused(self.node.get("/v1/schemas/posts"), 404)

    def test_rules(self):
        """What the catalog refuses is 409 with the name of the rule, and changes nothing (DESIGN 4.4)."""
        put = self.node.put
        put("/v1/schemas/users", {"fields": {"id": {"type": "integer"}, "name": {"type": "string", "required": True}}})
        put("/v1/schemas/posts", {"fields": {"author": {"type": "integer"}, "day": {"type": "string", "required": True}}})
        key = {"type": "foreign_key", "fields": ["author"], "references": {"entity": "users", "fields": ["id"]}}
        self.assertEqual(put("/v1/constraints/posts/fk", {**key, "on_delete": "restrict"}).status, 201)
        self.assertEqual(put("/v1/indexes/posts/day", {"fields": ["day"]}).status, 201)
        root = self.node.root()
        self.refused(put("/v1/indexes/posts/x", {"fields": ["absent"]}), 409, "missing_field")
        other = {**key, "references": {"entity": "users", "fields": ["name"]}, "on_delete": "restrict"}
        self.refused(put("/v1/constraints/posts/y", other), 409, "bad_reference")
        null = {**key, "fields": ["day"], "references": {"entity": "users", "fields": ["name"]}, "on_delete": "set_null"}
        self.refused(put("/v1/constraints/posts/z", null), 409, "set_null")
        gone = {"fields": {"author": {"type": "integer"}}}
        self.refused(put("/v1/schemas/posts", gone), 409, "field_in_use")
        self.refused(self.node.delete("/v1/schemas/users"), 409, "referenced")
        self.refused(put("/v1/constraints/posts/fk2", {**key, "on_delete": "restrict"}), 409, "same_meaning")
        self.assertEqual(self.node.root(), root)
        self.assertEqual(self.node.delete("/v1/schemas/users?cascade=1").status, 200)
        self.refused(self.node.get("/v1/constraints/posts/fk"), 404)


class BadInput(HttpTest):
    def test_malformed_json(self):
        """Malformed JSON is 400 with its line and column."""
        error = self.refused(self.node.put("/v1/schemas/posts", '{"fields":\n  {"a" 3}}'), 400, "malformed")
        self.assertRegex(error["message"], "line 2.*column [0-9]+")
        for path in WRITABLE:
            for body in ["", "{", "[]", "3", "null", '"x"', "{}x", "\x00", '{"fields":{}}\x00', '{"fields":{}}\x00junk', "{'a':1}", '{"fields":{},"fields":{}}']:
                self.refused(self.node.put(path, body), 400, "malformed")
        self.refused(self.node.put(WRITABLE[0], b'{"fields":{"\xff":{"type":"string"}}}'), 400)
        self.refused(self.node.put(WRITABLE[0], "[" * 100000), 400)
        self.refused(self.node.post("/v1/check/posts", "{"), 400, "malformed")

    def test_unknown_fields(self):
        """Unknown keys, types and defaults of another type are 400 and name the field."""
        field = {"type": "string"}
        for body, word in [
            ({"fields": {}, "extra": 1}, "extra"),
            ({"fields": {"title": {**field, "extra": 1}}}, "extra"),
            ({"fields": {"title": {"type": "text"}}}, "title"),
            ({"fields": {"title": {"required": True}}}, "title"),
            ({"fields": {"title": {**field, "required": "yes"}}}, "title"),
            ({"fields": {"title": {**field, "default": 3}}}, "title"),
            ({"fields": [1]}, ""),
            ({}, "fields"),
        ]:
            self.refused(self.node.put("/v1/schemas/posts", body), 400, "malformed", word)
        for body in [
            {"type": "other", "fields": ["a"]},
            {"type": "unique", "fields": []},
            {"type": "unique", "fields": ["a", "a"]},
            {"type": "unique", "fields": ["a"], "extra": 1},
            {"type": "not_null", "fields": ["a", "b"]},
            {"type": "foreign_key", "fields": ["a"]},
            {
                "type": "foreign_key",
                "fields": ["a"],
                "references": {"entity": "b", "fields": ["c"]},
                "on_delete": "explode",
            },
            {"fields": ["a"]},
        ]:
            self.refused(self.node.put("/v1/constraints/posts/c", body), 400, "malformed")
        self.refused(self.node.put("/v1/indexes/posts/i", {"fields": []}), 400)

    def test_bad_names(self):
        """Names of 129 bytes, with control characters, '/' or bad UTF-8 are 400 in every place where a name stands."""
        for name in ["x" * 129, "ä" * 65, "a\nb", "a\x7fb", "a\u0085b", "a/b", "a\x00b", ""]:
            for target in [f"/v1/schemas/{quote(name)}", f"/v1/constraints/e/{quote(name)}", f"/v1/indexes/{quote(name)}/n"]:
                self.refused(self.node.put(target, {"fields": ["a"]}), 400, "malformed")
                self.refused(self.node.get(target), 400, "malformed")
                self.refused(self.node.delete(target), 400, "malformed")
            self.refused(self.node.post(f"/v1/check/{quote(name)}", "{}"), 400, "malformed")
        self.refused(self.node.get("/v1/schemas/%ff"), 400, "malformed")
        for target in ["/v1/schemas/%", "/v1/schemas/%4", "/v1/schemas/%zz", "/v1/constraints?entity=%g1"]:
            self.refused(self.node.get(target), 400, "malformed", "percent")

    def test_limits(self):
        """Bodies over their limit are 413, whether their length is declared or not, and the node goes on."""
        self.refused(self.node.put(WRITABLE[0], b" " * (1024 * 1024 + 1)), 413, "too_big")
        self.refused(self.node.post("/v1/check/posts", b" " * (1024 * 1024 + 1)), 413, "too_big")
        pieces = (b" " * 65536 for _ in range(20))
        self.refused(self.node.request("PUT", WRITABLE[0], pieces), 413, "too_big")
        fields = {f"field{number:05}": {"type": "string"} for number in range(2000)}
        self.refused(self.node.put(WRITABLE[0], {"fields": fields}), 413, "too_big")
        host, port = self.node.info["http"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = "POST /v1/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
            connection.sendall(head.encode())
            self.assertIn(b" 413 ", connection.recv(4096))
        self.assertTrue(self.node.ready())

    def test_methods(self):
        """A method that a path has not is 405 with Allow; an unknown path is 404."""
        answer = self.node.request("POST", "/v1/schemas/posts", "{}")
        self.refused(answer, 405, "method_not_allowed")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, PUT, DELETE")
        for method, target in [
            ("PUT", "/v1/status"),
            ("DELETE", "/v1/schemas"),
            ("GET", "/v1/import"),
            ("GET", "/v1/check/posts"),
            ("POST", "/v1/export"),
            ("PATCH", "/v1/schemas/posts"),
            ("OPTIONS", "/metrics"),
            ("PUT", "/livez"),
        ]:
            answer = self.node.request(method, target)
            self.refused(answer, 405)
            self.assertTrue(answer.headers["Allow"])
        for target in ["/v1", "/", "/v2/status", "/v1/schemas/a/b", "/v1/indexes/a", "/v1/status/", "/V1/status", "//"]:
            self.refused(self.node.get(target), 404, "no_such_path")
        self.assertEqual(self.node.request("HEAD", "/v1/status").body, b"")

    def test_parameters(self):
        """A parameter that a path has not is refused, and so are those that do not go together."""
        self.refused(self.node.put("/v1/schemas/posts?dryrun=1", SCHEMA), 400, "malformed", "dryrun")
        self.refused(self.node.put("/v1/schemas/posts?dry_run", SCHEMA), 400, "malformed", "dry_run")
        self.refused(self.node.put("/v1/schemas/posts?dry_run=2", SCHEMA), 400, "malformed", "dry_run")
        self.refused(self.node.put("/v1/schemas/posts?dry_run=1&dry_run=0", SCHEMA), 400, "malformed", "twice")
        self.refused(self.node.put("/v1/schemas/posts?wait=5", SCHEMA), 400, "malformed", "wait")
        self.refused(self.node.put("/v1/schemas/posts?wait=1y", SCHEMA), 400, "malformed", "wait")
        self.refused(self.node.put("/v1/schemas/posts?skip_dead=1", SCHEMA), 400, "malformed", "skip_dead")
        self.refused(self.node.delete("/v1/schemas/posts?staged=1&dry_run=1"), 400, "malformed", "dry_run")
        self.refused(self.node.get("/v1/schemas/posts"), 404)
        for value in ["5", "", "1.5s", "-1s", "2h", "61m", "5 s", "5S", "99999999999999999999s"]:
            answer = self.node.post(f"/v1/check/posts?max_staleness={quote(value)}", "{}")
            self.refused(answer, 400, "malformed", "max_staleness")

    def test_web_pages(self):
        """What a page in a browser sends is refused: writes by their Origin, a name led here (DNS rebinding) by Host."""
        address = self.node.info["http"]
        port = address.rsplit(":", 1)[1]
        root = self.node.root()
        good = '{"kind":"schema","entity":"a","fields":{}}'
        for origin in ["http://evil.example", f"http://evil.example:{port}", "http://127.0.0.1:1", "http://127.0.0.1", "null", ""]:
            foreign = {"Origin": origin}
            self.refused(self.node.put(WRITABLE[0], SCHEMA, foreign), 403, "forbidden_origin", origin)
            self.refused(self.node.request("POST", "/v1/import", good, foreign), 403, "forbidden_origin")
            self.refused(self.node.request("POST", "/v1/sync", None, foreign), 403, "forbidden_origin")
            self.refused(self.node.delete(WRITABLE[0], foreign), 403, "forbidden_origin")
            self.assertEqual(self.node.request("GET", "/v1/digest", None, foreign).status, 200)
        for host in ["evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "1:2:3"]:
            rebound = {"Host": host, "Origin": f"http://{host}"}
            for method, target in [("PUT", WRITABLE[0]), ("POST", "/v1/import"), ("GET", "/v1/export"), ("GET", "/metrics")]:
                self.refused(self.node.request(method, target, None, rebound), 403, "forbidden_origin", host)
        self.assertEqual(self.node.root(), root)
        for host in [f"localhost:{port}", "LocalHost", address, "10.1.2.3", f"[::1]:{port}"]:
            same = {"Host": host, "Origin": f"http://{host}"}
            self.assertEqual(self.node.request("GET", "/v1/status", None, same).status, 200)
            self.assertEqual(self.node.put(WRITABLE[0], SCHEMA, same).status // 100, 2)
        scraped = cluster.request(self.node.info["metrics"], "GET", "/metrics", None, {"Host": "n1.example:9100"})
        self.assertEqual(scraped.status, 200, "the listener for metrics is reached by any name")

    def test_no_body(self):
        """A body where none is taken is refused."""
        self.refused(self.node.request("DELETE", "/v1/schemas/posts", "{}"), 400, "malformed")

    def test_not_http(self):
        """Bytes that are no HTTP close the connection and nothing else."""
        host, port = self.node.info["http"].rsplit(":", 1)
        for garbage in [b"\x01\x00\xff" * 300 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 200000]:
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                try:
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass  # it was faster, and has closed the connection
        self.assertTrue(self.node.ready())


class Data(HttpTest):
    def test_check(self):
        """check answers for a record, and lists what the host has to enforce."""
        self.node.put("/v1/schemas/posts", SCHEMA)
        self.node.put("/v1/constraints/posts/u", {"type": "unique", "fields": ["title"]})
        good = self.node.post("/v1/check/posts", {"title": "x"})
        self.assertEqual(good.status, 200, good)
        keys = ["valid", "violations", "unique", "foreign_keys", "number", "agreement_age_ms"]
        self.assertEqual(list(good.json), keys)
        self.assertTrue(good.json["valid"])
        self.assertEqual(good.json["unique"][0]["fields"], ["title"])
        bad = self.node.post("/v1/check/posts", {"views": "many"}).json
        self.assertFalse(bad["valid"])
        self.assertEqual({(v["field"], v["rule"]) for v in bad["violations"]}, {("title", "required"), ("views", "type")})
        self.assertTrue(self.node.post("/v1/check/unknown", {"any": 1}).json["valid"])
        self.assertEqual(self.node.post("/v1/check/posts?max_staleness=5s", {"title": "x"}).status, 200)

    def test_import_export(self):
        """An import is one batch; its export is its text, in one order and form."""
        lines = [
            '{"kind":"schema","entity":"b","fields":{"id":{"type":"integer","required":true}}}',
            '{"kind":"schema","entity":"a","fields":{"b":{"type":"integer","required":false,"default":1}}}',
            '{"kind":"index","entity":"a","name":"i","fields":["b"]}',
            '{"kind":"constraint","entity":"a","name":"f","type":"foreign_key","fields":["b"],'
            '"references":{"entity":"b","fields":["id"]},"on_delete":"restrict"}',
        ]
        self.assertEqual(self.node.post("/v1/import?dry_run=1", "\n".join(lines)).json, {"imported": 4, "unchanged": 0})
        self.assertEqual(self.node.get("/v1/export").body, b"")
        self.assertEqual(self.node.post("/v1/import", "\n".join(lines)).json, {"imported": 4, "unchanged": 0})
        self.assertEqual(self.node.post("/v1/import", "\n".join(lines)).json, {"imported": 0, "unchanged": 4})
        export = self.node.get("/v1/export")
        self.assertEqual(export.headers["Content-Type"], "application/x-ndjson")
        wanted = [lines[1], lines[0], lines[3], lines[2]]
        self.assertEqual(export.body.decode(), "".join(line + "\n" for line in wanted))
        self.assertEqual(self.node.post("/v1/import", "").json, {"imported": 0, "unchanged": 0})

    def test_unknown_kind(self):
        """An entry of a kind that this version does not know is exported whole, and its export can be imported again."""
        clock, origin = bytes.fromhex("cf0190000000000002"), bytes.fromhex("c410") + b"\x11" * 16
        version = b"\x96" + clock + origin + b"\xa1n" + b"\x01\x01" + b"\x81\xa1k\x2a"
        entry = b"\x93\x93\x09\xa1e\xa1t" + b"\x91" + version + b"\x91\x92" + origin + clock
        line = {"kind": 9, "entity": "e", "name": "t", "bytes": base64.b64encode(entry).decode()}
        self.assertEqual(self.node.post("/v1/import", json.dumps(line)).json, {"imported": 1, "unchanged": 0})
        export = self.node.get("/v1/export").body.decode()
        self.assertEqual({**json.loads(export), "bytes": ""}, {**line, "bytes": ""}, export)
        self.assertEqual(self.node.post("/v1/import", export).json, {"imported": 0, "unchanged": 1})
        with cluster.Cluster() as group:
            other = group.node("other").start()
            self.assertEqual(other.post("/v1/import", export).json, {"imported": 1, "unchanged": 0})
            taken = base64.b64decode(json.loads(other.get("/v1/export").body)["bytes"])
            self.assertIn(b"\x81\xa1k\x2a", taken)
        other_key = json.dumps({**json.loads(export), "entity": "f"})
        error = self.refused(self.node.post("/v1/import", other_key), 400, "malformed")
        self.assertIn("base64", error["details"][0]["message"])

    def test_import_refused(self):
        """Every refused line is named, and nothing of the import is taken."""
        good = '{"kind":"schema","entity":"a","fields":{}}'
        root = self.node.root()
        error = self.refused(self.node.post("/v1/import", f"{good}\n{{\n{good[:-1]},\"x\":1}}\n"), 400, "malformed")
        self.assertEqual([detail["line"] for detail in error["details"]], [2, 3])
        self.assertEqual(list(error["details"][0]), ["line", "code", "message"])
        rule = '{"kind":"index","entity":"a","name":"i","fields":["absent"]}'
        error = self.refused(self.node.post("/v1/import", f"{good}\n{rule}\n"), 409)
        self.assertEqual([(d["line"], d["code"]) for d in error["details"]], [(2, "missing_field")])
        self.assertEqual(self.node.root(), root)


class Cluster(HttpTest):
    def test_status(self):
        """The status of a cluster of one: ready, agreed, no warnings."""
        status = self.node.status()
        keys = ["node", "cluster", "ready", "root", "entries", "agreement", "members", "conflicts", "pending", "horizon"]
        keys += ["warnings"]
        self.assertEqual(list(status), keys)
        self.assertEqual(list(status["node"]), ["name", "id", "origin"])
        self.assertEqual(list(status["agreement"]), ["agreed", "since", "distinct_roots", "age_ms"])
        keys = ["name", "id", "address", "state", "root", "agrees", "last_exchange_ms", "lag_ms"]
        self.assertEqual(list(status["members"][0]), keys)
        self.assertEqual((status["ready"], status["agreement"]["agreed"], status["warnings"]), (True, True, []))
        self.assertRegex(status["agreement"]["since"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(status["entries"], 0)
        self.assertEqual(list(self.node.get("/v1/digest").json), ["root", "entries", "format"])

    def test_members(self):
        """Members, and what cannot be done to them."""
        self.assertEqual([m["name"] for m in self.node.get("/v1/members").json["members"]], ["n1"])
        self.refused(self.node.delete("/v1/members/nobody"), 404, "no_such_member")
        self.refused(self.node.delete("/v1/members/n1"), 409, "self")
        self.refused(self.node.get("/v1/diff/nobody"), 404, "no_such_member")
        self.refused(self.node.post("/v1/sync?member=nobody"), 404, "no_such_member")
        self.assertEqual(self.node.post("/v1/sync").json, {"members": []})
        self.assertEqual(self.node.get("/v1/conflicts").json, {"conflicts": []})

    def test_probes_and_metrics(self):
        """The probes, and every series from the start; the listener for metrics has nothing else."""
        self.assertEqual(self.node.get("/livez").status, 200)
        self.assertEqual(self.node.get("/readyz").status, 200)
        metrics = self.node.metrics()
        for series in [
            "attune_agreement",
            "attune_members_disagreeing",
            "attune_distinct_roots",
            "attune_agreement_age_seconds",
            "attune_last_agreement_timestamp_seconds",
            'attune_catalog_entries{kind="schema",state="active"}',
            "attune_catalog_root",
            "attune_conflicts",
            "attune_quarantined_entries",
            "attune_tombstones",
            'attune_members{state="alive"}',
            'attune_exchanges_total{result="equal"}',
            'attune_exchange_bytes_total{direction="sent",phase="digest"}',
            "attune_exchange_round_trips_count",
            'attune_entries_repaired_total{cause="missed_push"}',
            'attune_entries_repaired_total{cause="corruption"}',
            "attune_futile_exchanges_total",
            'attune_pushes_total{result="acknowledged"}',
            'attune_propagation_seconds_bucket{le="+Inf"}',
            'attune_rejected_total{reason="frame"}',
            "attune_clock_skew_seconds_max",
            "attune_horizon_age_seconds",
            "attune_store_commit_seconds_count",
        ]:
            self.assertIn(series, metrics)
        self.assertEqual(metrics["attune_agreement"], 1)
        before = metrics["attune_store_commit_seconds_count"]
        self.node.put("/v1/schemas/posts", SCHEMA)
        metrics = self.node.metrics()
        self.assertEqual(metrics['attune_catalog_entries{kind="schema",state="active"}'], 1)
        self.assertGreater(metrics["attune_store_commit_seconds_count"], before)
        self.assertEqual(int(self.node.root()[-12:], 16), metrics["attune_catalog_root"])
        address = self.node.info["metrics"]
        for target in ["/metrics", "/livez", "/readyz"]:
            self.assertEqual(cluster.request(address, "GET", target).status, 200)
        for target in ["/v1/status", "/v1/export", "/"]:
            self.refused(cluster.request(address, "GET", target), 404, "no_such_path")
        self.refused(cluster.request(address, "PUT", "/v1/schemas/x", SCHEMA), 404, "no_such_path")


class Process(unittest.TestCase):
    def test_unix_socket(self):
        """HTTP on a UNIX socket: mode 0600, removed at the end, replaced after a kill."""
        with cluster.Cluster() as group:
            path = group.directory / "http.sock"
            node = group.node("n1", http=f"unix:{path}").start()
            self.assertEqual(node.info["http"], f"unix:{path}")
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertEqual(node.put("/v1/schemas/posts", SCHEMA).status, 201)
            anywhere = {"Host": "any.example"}
            self.assertEqual(node.request("GET", "/v1/status", None, anywhere).status, 200, "no page reaches a socket")
            node.kill()
            self.assertTrue(path.exists())
            node.start()
            self.assertEqual(node.get("/v1/schemas/posts").status, 200)
            self.assertEqual(node.stop(), 0)
            self.assertFalse(path.exists())

    def test_many_connections(self):
        """More connections than are served at once, and then none: the next client is answered."""
        with cluster.Cluster() as group:
            node = group.node("n1").start()
            host, port = node.info["http"].rsplit(":", 1)
            for _ in range(2):
                crowd = [socket.create_connection((host, int(port)), timeout=10) for _ in range(300)]
                for connection in crowd:
                    connection.close()
                self.assertEqual(node.get("/livez").status, 200)

    def test_stop(self):
        """SIGTERM ends with 0 and removes attuned.json; what was acknowledged is there after the next start (G2)."""
        with cluster.Cluster() as group:
            node = group.node("n1").start()
            self.assertEqual(list(node.info), ["pid", "name", "id", "cluster", "gossip", "http", "metrics"])
            self.assertIsNone(node.info["metrics"])
            node.put("/v1/schemas/posts", SCHEMA)
            root = node.root()
            self.assertEqual(node.stop(), 0)
            self.assertFalse((node.directory / "attuned.json").exists())
            node.start()
            self.assertEqual(node.root(), root)
            node.kill()
            node.start()
            self.assertEqual(node.root(), root)

    def test_reload(self):
        """SIGHUP takes a new log level; a broken file changes nothing and is logged."""
        with cluster.Cluster() as group:
            config = group.directory / "attuned.yaml"
            config.write_text("log_level: info\n")
            node = group.node("n1", "--config", str(config)).start()
            config.write_text("log_level: debug\n")
            node.signal(signal.SIGHUP)
            wait_for(lambda: "reloaded" in node.log_text())
            node.put("/v1/schemas/posts", SCHEMA)
            wait_for(lambda: "schema posts" in node.log_text())
            config.write_text("log_levle: info\n")
            node.signal(signal.SIGHUP)
            wait_for(lambda: "not reloaded" in node.log_text() and "log_levle" in node.log_text())
            self.assertTrue(node.ready())

    def test_json_log(self):
        """--log-format json: each line is one object."""
        with cluster.Cluster() as group:
            node = group.node("n1", "--log-format", "json", "--log-level", "debug").start()
            node.put("/v1/schemas/posts", SCHEMA)
            node.stop()
            lines = [json.loads(line) for line in node.log.read_text().splitlines()]
            self.assertTrue(all({"time", "level", "kind", "message"} <= set(line) for line in lines))
            self.assertGreater(len(lines), 2)


del HttpTest

if __name__ == "__main__":
    cluster.main()
