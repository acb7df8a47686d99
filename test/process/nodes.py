"""nodes.py - starts, freezes, kills and asks the nodes of one test.

Every group of nodes listens on a loopback address of its own (127.x.y.z, drawn from the process id), first on port 0 and
after a restart on the port that it had: its peers know it by that, and no program that takes ports of 127.0.0.1 can be
in the way. All that is started here is ended by its process id, also when a test fails or is told to stop.
"""
import atexit
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
ATTUNED = os.path.join(BUILD, "attuned")
POLL_SECONDS = 0.005
START_SECONDS_MAX = 60
PART_SECONDS_MAX = 60


class Failure(Exception):
    """What a test found to be wrong, in one sentence."""


def number(name, default):
    """ATTUNE_<name> from the environment: how a figure is taken with larger numbers than a check."""
    return int(os.environ.get("ATTUNE_" + name, default))


def expect(condition, message, *details):
    if not condition:
        raise Failure(" ".join([message] + [str(detail)[:2000] for detail in details]))


def until(condition, what, seconds_max=PART_SECONDS_MAX):
    """Asks until the condition holds, and returns its value."""
    deadline = time.monotonic() + seconds_max
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds_max} s: {what() if callable(what) else what}")
        time.sleep(POLL_SECONDS)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Node:
    def __init__(self, name, directory, address, options, environment):
        self.name = name
        self.directory = directory
        self.gossip = f"{address}:0"
        self.http_address = f"{address}:0"
        self.options = options
        self.environment = environment
        self.log = directory + ".log"
        self.process = None
        self.pid = None
        self.local = threading.local()

    # --- process ---

    def start(self, before=(), environment=None, arguments=(), stderr=None, wait=True):
        """Starts the daemon, `before` being a command that runs it; returns the seconds until it answers."""
        assert self.process is None
        command = [*before, ATTUNED, "--data-dir", self.directory, "--name", self.name, "--gossip",
                   self.gossip, "--http", self.http_address, *self.options, *arguments]
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=stderr or log,
                                            env={**os.environ, **self.environment, **(environment or {})})
        return self.await_start(begin) if wait else begin

    def await_start(self, begin):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.process = None
            raise Failure(f"{self.name} did not start: {self.log_end()}")
        seconds = time.monotonic() - begin
        with open(os.path.join(self.directory, "attuned.json"), encoding="utf-8") as file:
            state = json.load(file)
        expect(state == json.loads(line), f"{self.name}: attuned.json is not what stdout says", line)
        self.pid = state["pid"]
        self.gossip = state["gossip"]
        self.http_address = state["http"]
        return seconds

    def signal(self, number):
        os.kill(self.pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        self.end(signal.SIGKILL)

    def terminate(self):
        """Ends it as an operator would; returns its exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number):
        if self.process is None:
            return None
        if self.pid is not None and self.process.poll() is None:
            self.signal(number)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired as hung:
            self.abandon()
            raise Failure(f"{self.name} did not end within 30 s of signal {number}") from hung
        self.close()
        return code

    def abandon(self):
        """Ends it whatever its state is."""
        if self.process is None:
            return
        if self.process.poll() is None:
            for pid in {self.pid or self.process.pid, self.process.pid}:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
        self.close()

    def close(self):
        self.process.stdout.close()
        self.process = None
        self.pid = None
        self.local = threading.local()

    def log_end(self, size=1500):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-size:]

    def memory(self):
        """Kilobytes: resident, and of those the private ones."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        return int(status["VmRSS"].split()[0]), int(status["RssAnon"].split()[0])

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # --- HTTP ---

    def ask(self, method, path, body=None, seconds_max=PART_SECONDS_MAX):
        """Status and body (read as JSON if it is that); OSError if there was no answer. Nothing is asked twice, but for
        a GET on a connection that the other side had closed."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        kept = getattr(self.local, "connection", None)
        for connection in ([kept] if kept else []) + [None]:
            if connection is None:
                host, port = self.http_address.rsplit(":", 1)
                connection = http.client.HTTPConnection(host, int(port), timeout=seconds_max)
            self.local.connection = None
            connection.timeout = seconds_max
            if connection.sock:
                connection.sock.settimeout(seconds_max)
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                text = answer.read()
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                if connection is kept and method == "GET" and not isinstance(error, TimeoutError):
                    continue
                raise OSError(f"{self.name}: {error!r}") from error
            self.local.connection = connection
            kind = answer.getheader("Content-Type", "")
            return answer.status, json.loads(text) if kind == "application/json" else text.decode()
        raise AssertionError

    def get(self, path):
        status, body = self.ask("GET", path)
        expect(status == 200, f"{self.name}: GET {path} answered {status}", body)
        return body

    def write(self, method, path, body=None):
        """A write that must be acknowledged."""
        status, answer = self.ask(method, path, body)
        expect(status in (200, 201), f"{self.name}: {method} {path} answered {status}", answer)
        return answer

    def root(self):
        return self.get("/v1/digest")["root"]

    def entries(self):
        return self.get("/v1/digest")["entries"]

    def ready(self):
        return self.ask("GET", "/readyz")[0] == 200

    def metrics(self):
        """{'attune_members{state="alive"}': 3.0, ...}"""
        series = {}
        for line in self.get("/metrics").splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                series[name] = float(value)
        return series

    def metric(self, name):
        """One series, or the sum of a family's."""
        series = self.metrics()
        if name in series:
            return series[name]
        values = [value for key, value in series.items() if key.startswith(name + "{")]
        expect(values, f"there is no metric {name}")
        return sum(values)


class Nodes:
    """`with Nodes(3) as nodes:` starts three that know each other; nodes[0] founded the cluster."""

    def __init__(self, count, options=(), start=True, directory=None, environment=None):
        pid = os.getpid()
        self.address = f"127.{1 + random.randrange(250)}.{pid >> 8 & 0xff}.{1 + (pid & 0xff) % 250}"
        self.options = list(options)
        self.environment = dict(environment or {})
        self.list = []
        self.directory = directory or tempfile.mkdtemp(prefix="attune-test-")
        self.count = count
        self.start_all = start

    def __enter__(self):
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            for _ in range(self.count):
                self.add()
            if self.start_all:
                self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Failure):
            for node in self.list:
                print(f"--- {node.name}: {node.log_end()}")
        self.close()

    def __getitem__(self, index):
        return self.list[index]

    def __len__(self):
        return len(self.list)

    def __iter__(self):
        return iter(self.list)

    def close(self):
        for node in self.list:
            node.abandon()
        shutil.rmtree(self.directory, ignore_errors=True)

    def add(self, directory=None):
        """A node that is not started; it joins those before it."""
        name = f"n{len(self.list) + 1}"
        node = Node(name, directory or os.path.join(self.directory, name), self.address, self.options,
                    self.environment)
        self.list.append(node)
        return node

    def joins(self, node):
        return [word for other in self.list if other is not node and not other.gossip.endswith(":0")
                for word in ("--join", other.gossip)][:8]

    def start(self):
        """Starts all that do not run. New ones one after the other, as each must know the address of one before it."""
        for node in self.list:
            if node.process is None:
                node.start(arguments=self.joins(node))
        self.await_ready()

    def restart(self):
        """Starts all at once again, where all were ended."""
        begins = [(node, node.start(arguments=self.joins(node), wait=False)) for node in self.list]
        for node, begin in begins:
            node.await_start(begin)

    def await_ready(self):
        for node in self.list:
            until(node.ready, lambda node=node: f"{node.name} is not ready: {node.get('/v1/status')}")
        until(lambda: all(len(node.get("/v1/members")["members"]) >= len(self.list)
                          for node in self.list), "not all nodes know each other")

    def await_equal(self, seconds_max=PART_SECONDS_MAX, among=None):
        """Seconds until the roots were equal."""
        begin = time.monotonic()
        nodes = among or self.list
        until(lambda: len({node.root() for node in nodes}) == 1,
              lambda: "roots are not equal: " + ", ".join(f"{n.name} {n.get('/v1/digest')}" for n in nodes),
              seconds_max)
        return time.monotonic() - begin


def same_exports(nodes):
    """The export of all, which must be one."""
    exports = {node.get("/v1/export") for node in nodes}
    expect(len(exports) == 1, "exports differ though roots are equal")
    return exports.pop()


def schema(*fields, kind="string"):
    return {"fields": {field: {"type": kind} for field in fields}}


def run(test):
    """Runs a test's function: it returns the line that sums it up, or raises Failure."""
    if not os.access(ATTUNED, os.X_OK):
        print(f"{ATTUNED} is not built")
        sys.exit(77)
    try:
        print(test())
    except Failure as failure:
        print("FAILED:", re.sub(r"\s+", " ", str(failure)))
        sys.exit(1)
