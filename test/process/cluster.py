"""Starts real attuned processes for the process tests, and always ends them.

Every node gets a directory of its own below a temporary one, listens on free ports of 127.0.0.1, and is found through
DIR/attuned.json. Nothing here sleeps for a fixed time to let something happen: wait_for() asks until it is so, or fails.
BUILD (or `build`) holds the programs.
"""

import atexit
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
ATTUNED = BUILD / "attuned"
ATTUNECTL = BUILD / "attunectl"
SKIPPED = 77
PR_SET_PDEATHSIG = 1

_started = []
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_all():
    for process in _started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


atexit.register(_end_all)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))


def clean_environment():
    """The environment without what would change a daemon's or a client's options."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE_")}


def launch(*arguments, before_exec=lambda: None, **options):
    """An attuned process with these arguments, which dies with this one."""

    def prepare():
        _die_with_parent()
        before_exec()

    options.setdefault("env", clean_environment())
    process = subprocess.Popen([str(ATTUNED), *map(str, arguments)], preexec_fn=prepare, **options)
    _started.append(process)
    return process


def run(*arguments, seconds=20, env=None):
    """Runs attuned to its end: (exit code, stdout, stderr)."""
    process = launch(
        *arguments, env={**clean_environment(), **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"attuned {arguments} did not end")
    return process.returncode, out, err


def wait_for(question, seconds=15.0, what="condition"):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The name of the error."""
        return self.json["error"]["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(address, method, target, body=None, headers=None, timeout=20):
    """One HTTP request to HOST:PORT or unix:PATH."""
    if address.startswith("unix:"):
        connection = UnixConnection(address[5:], timeout)
    else:
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def quote(part):
    return urllib.parse.quote(part, safe="")


class Node:
    """One daemon: it can be started, stopped, killed and started again on its directory."""

    def __init__(self, directory, name, arguments=(), http="127.0.0.1:0"):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.arguments = list(arguments)
        self.http_wanted = http
        self.gossip_wanted = "127.0.0.1:0"
        self.process = None
        self.info = None
        self.log = pathlib.Path(str(directory) + ".log")

    def start(self, *joins, wait=True):
        arguments = ["--data-dir", self.directory, "--name", self.name, "--gossip", self.gossip_wanted]
        arguments += ["--http", self.http_wanted, "--interval", "100ms", *self.arguments]
        for join in joins:
            arguments += ["--join", join if isinstance(join, str) else join.info["gossip"]]
        with open(self.log, "ab") as log:
            self.process = launch(*arguments, stdout=subprocess.DEVNULL, stderr=log)
        if wait:
            self.wait_started()
        return self

    def wait_started(self):
        wait_for(self._is_started, what=lambda: f"{self.name} does not start: {self.log_text()}")
        self.gossip_wanted = self.info["gossip"]  # the members know it by this one
        return self

    def _is_started(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log_text()}")
        try:
            self.info = json.loads((self.directory / "attuned.json").read_text())
        except FileNotFoundError:
            return False
        return self.info["pid"] == self.process.pid

    def log_text(self):
        return self.log.read_text(errors="replace")[-2000:]

    def request(self, method, target, body=None, headers=None, timeout=20):
        return request(self.info["http"], method, target, body, headers, timeout)

    def get(self, target):
        return self.request("GET", target)

    def put(self, target, body, headers=None):
        return self.request("PUT", target, body, headers)

    def delete(self, target, headers=None):
        return self.request("DELETE", target, None, headers)

    def post(self, target, body=None):
        return self.request("POST", target, body)

    def status(self):
        return self.get("/v1/status").json

    def root(self):
        return self.get("/v1/digest").json["root"]

    def ready(self):
        return self.get("/readyz").status == 200

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=15):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def metrics(self):
        return parse_metrics(self.get("/metrics").body.decode())


class Cluster:
    """Nodes below one temporary directory; as a context it ends them and removes it."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="attune-test-"))
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for node in self.nodes:
            if node.process is not None and node.alive():
                node.signal(signal.SIGCONT)
                node.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def node(self, name, *arguments, **options):
        node = Node(self.directory / name, name, arguments, **options)
        self.nodes.append(node)
        return node

    def start(self, count, *arguments):
        """`count` nodes n1, n2, ... that have joined, all ready."""
        for number in range(1, count + 1):
            node = self.node(f"n{number}", *arguments)
            node.start(*self.nodes[:1] if number > 1 else ())
            wait_for(node.ready, what=lambda: f"{node.name} is not ready: {node.log_text()}")
        return self.nodes

    def write_apart(self, entities, before_heal=lambda: None):
        """The two nodes each set these schemas while the other is down: field by_n1 and, later, by_n2. Both run then."""
        for node in self.nodes:
            node.kill()
        for number, node in enumerate(self.nodes):
            node.start()
            for entity in entities:
                answer = node.put(f"/v1/schemas/{entity}", {"fields": {f"by_{node.name}": {"type": "string"}}})
                assert answer.status in (200, 201), answer
            if number == 0:
                node.kill()
        before_heal()
        self.nodes[0].start()

    def wait_equal(self, nodes=None, seconds=20):
        """Until all have one root, which it returns."""
        nodes = nodes or self.nodes
        wait_for(
            lambda: len({node.root() for node in nodes}) == 1,
            seconds,
            lambda: f"roots differ: {[(node.name, node.root()) for node in nodes]}",
        )
        return nodes[0].root()


def parse_metrics(text):
    """{series: number} of a Prometheus text; refuses what is malformed."""
    series = {}
    types = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            assert name not in types, f"family {name} stands twice"
            types[name] = kind
        elif not line.startswith("#"):
            name, number = line.rsplit(" ", 1)
            family = name.split("{")[0]
            for suffix in ("_bucket", "_sum", "_count"):
                if family.endswith(suffix) and types.get(family[: -len(suffix)]) == "histogram":
                    family = family[: -len(suffix)]
            assert family in types, f"no type for {name}"
            assert name not in series, f"series {name} stands twice"
            series[name] = float(number)
    return series


def attunectl(node, *arguments, input=None, seconds=30):
    """Runs attunectl against a node: (exit code, stdout, stderr)."""
    done = subprocess.run(
        [str(ATTUNECTL), *arguments],
        input=input,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**clean_environment(), "ATTUNE_HTTP": node if isinstance(node, str) else node.info["http"]},
    )
    return done.returncode, done.stdout, done.stderr


def main():
    """Runs the tests of the file that calls it; 77 if all were skipped."""
    if not ATTUNED.exists():
        print(f"skipped: {ATTUNED} is not built")
        sys.exit(SKIPPED)
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    sys.stderr.flush()
    if not result.wasSuccessful():
        print(f"{len(result.failures) + len(result.errors)} of {result.testsRun} tests failed")
        sys.exit(1)
    if result.testsRun > 0 and len(result.skipped) == result.testsRun:
        print(f"skipped: {result.skipped[0][1]}")
        sys.exit(SKIPPED)
    print(f"{result.testsRun} tests passed")
    sys.exit(0)
