#!/usr/bin/env python3
"""What an operator gets wrong: one line on stderr that says what to do, and an exit code other than 0 (DESIGN 10.1)."""

import json
import os
import pwd
import resource
import signal
import socket
import sqlite3
import subprocess
import unittest

import cluster

FREE = ["--gossip", "127.0.0.1:0", "--http", "127.0.0.1:0"]


class Operator(unittest.TestCase):
    def setUp(self):
        self.group = cluster.Cluster()
        self.addCleanup(self.group.__exit__)
        self.directory = self.group.directory

    def refused(self, code, *arguments, words=(), env=None):
        got, out, err = cluster.run(*arguments, env=env)
        self.assertEqual(got, code, err)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("attuned: "), err)
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, err)
        return err

    def config(self, text):
        path = self.directory / "attuned.yaml"
        path.write_text(text)
        return ["--config", str(path)]

    def test_directory_is_a_file(self):
        """A data directory that is a file, or whose parent is missing."""
        path = self.directory / "file"
        path.write_text("")
        self.refused(1, "--data-dir", path, *FREE, words=str(path))
        self.refused(1, "--data-dir", self.directory / "a" / "b", *FREE, words=str(self.directory / "a"))

    def test_directory_not_writable(self):
        """A data directory without permission to write."""
        path = self.directory / "locked"
        path.mkdir(mode=0o500)
        if os.getuid() != 0:
            self.refused(1, "--data-dir", path, *FREE, words=str(path))
            return
        # root may write everywhere: the daemon is started as nobody
        nobody = pwd.getpwnam("nobody")
        self.directory.chmod(0o755)
        program = self.directory / "attuned"
        program.write_bytes(cluster.ATTUNED.read_bytes())
        program.chmod(0o755)
        original, cluster.ATTUNED = cluster.ATTUNED, program
        try:
            process = cluster.launch(
                "--data-dir", path, *FREE, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], stderr=-1, text=True
            )
            err = process.communicate(timeout=20)[1]
        finally:
            cluster.ATTUNED = original
        self.assertEqual(process.returncode, 1, err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertIn(str(path), err)

    def test_directory_in_use(self):
        """A second daemon on one directory; the first goes on."""
        node = self.group.node("n1").start()
        self.refused(1, "--data-dir", node.directory, *FREE, words="use")
        self.assertTrue(node.ready())
        self.assertTrue((node.directory / "attuned.json").exists())

    def test_other_cluster(self):
        """A directory of another cluster names both."""
        node = self.group.node("n1", "--cluster", "red").start()
        node.stop()
        self.refused(1, "--data-dir", node.directory, "--cluster", "blue", *FREE, words=["red", "blue"])

    def test_newer_format(self):
        """A directory that a newer version wrote is left as it is."""
        node = self.group.node("n1").start()
        node.put("/v1/schemas/posts", {"fields": {}})
        node.stop()
        path = node.directory / "catalog.db"
        with sqlite3.connect(path) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute(f"PRAGMA user_version = {version + 1000}")
        database.close()
        before = path.read_bytes()
        self.refused(1, "--data-dir", node.directory, *FREE, words="newer")
        self.assertEqual(path.read_bytes(), before)

    def test_port_in_use(self):
        """Ports in use, for each listener."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            taken = f"127.0.0.1:{server.getsockname()[1]}"
            free = "127.0.0.1:0"
            data = ["--data-dir", self.directory / "d"]
            self.refused(1, *data, "--gossip", taken, "--http", free, words=[taken, "in use"])
            self.refused(1, *data, "--gossip", free, "--http", taken, words=[taken, "in use"])
            self.refused(1, *data, *FREE, "--metrics", taken, words=[taken, "in use"])
        self.assertFalse((self.directory / "d" / "attuned.json").exists())

    def test_not_loopback(self):
        """Without --insecure nothing but the metrics listens elsewhere than on loopback."""
        data = ["--data-dir", self.directory / "d"]
        self.refused(2, *data, "--gossip", "127.0.0.1:0", "--http", "0.0.0.0:0", words="--insecure")
        self.refused(1, *data, "--gossip", "0.0.0.0:0", "--http", "127.0.0.1:0", words="insecure")
        node = self.group.node("n1", "--metrics", "0.0.0.0:0").start()
        port = node.info["metrics"].rsplit(":", 1)[1]
        self.assertEqual(cluster.request(f"127.0.0.1:{port}", "GET", "/livez").status, 200)

    def test_bad_flags(self):
        """Values of flags that are none, and a data directory that is not given."""
        data = ["--data-dir", self.directory / "d"]
        self.refused(2, words="--data-dir")
        for flag, value in [
            ("interval", "5"),
            ("interval", "2h"),
            ("interval", "0s"),
            ("name", "a/b"),
            ("name", "x" * 129),
            ("cluster", "a\nb"),
            ("gossip", "nowhere"),
            ("gossip", "127.0.0.1:70000"),
            ("http", "unix:"),
            ("log-level", "loud"),
            ("log-format", "xml"),
            ("join", "host"),
            ("metrics", "::1:80"),
        ]:
            self.refused(2, *data, f"--{flag}", value, words=f"--{flag}")
        self.assertEqual(cluster.run(*data, "--unknown")[0], 2)
        self.assertEqual(cluster.run(*data, "word")[0], 2)
        self.assertEqual(cluster.run("--help")[0], 0)
        self.assertIn("attuned", cluster.run("--version")[1])

    def test_bad_environment(self):
        """Variables are checked like flags, and named."""
        data = ["--data-dir", self.directory / "d"]
        self.refused(2, *data, words="ATTUNE_INTERVAL", env={"ATTUNE_INTERVAL": "soon"})
        self.refused(2, *data, words="ATTUNE_INSECURE", env={"ATTUNE_INSECURE": "maybe"})
        self.refused(2, *data, words="ATTUNE_JOIN", env={"ATTUNE_JOIN": "a:1,b"})

    def test_bad_config(self):
        """Keys and values of the configuration file, with their line."""
        data = f"data_dir: {self.directory / 'd'}\n"
        self.refused(2, *self.config(data + "\n# x\nintervall: 1s\n"), words=["line 4", "intervall"])
        self.refused(2, *self.config(data + "name: a\nname: b\n"), words=["line 3", "name"])
        self.refused(2, *self.config(data + "name: [a]\n"), words="line 2")
        self.refused(2, *self.config(data + "join: a:1\n"), words="line 2")
        self.refused(2, *self.config(data + "insecure: maybe\n"), words=["insecure", "maybe"])
        self.refused(2, *self.config(data + "interval: 010\n"), words=["interval", "010"])
        self.refused(2, *self.config(data + "name: [\n"))
        self.refused(2, "--config", self.directory / "absent.yaml", words="absent.yaml")
        self.refused(2, "--config", self.directory, words=str(self.directory))
        self.refused(2, *self.config(data + "name: &x a\ncluster: *x\n"), words=["line 3", "alias"])
        os.mkfifo(self.directory / "pipe")
        self.refused(2, "--config", self.directory / "pipe", words="pipe")

    def launched(self, *arguments, **options):
        """A daemon on its own directory, and what it says on stdout."""
        process = cluster.launch("--data-dir", self.directory / "d", *FREE, *arguments, stdout=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        return process, json.loads(process.stdout.readline())

    def test_full_stderr(self):
        """Nobody reads the log: lines are left out and counted, the loop goes on; then its reader is gone."""
        reader, writer = os.pipe()
        process, info = self.launched("--log-level", "debug", stderr=writer)
        os.set_blocking(writer, False)
        for size in (4096, 1):
            with self.assertRaises(BlockingIOError):
                while True:
                    os.write(writer, b"x" * size)
        os.set_blocking(writer, True)
        for number in range(5):
            put = cluster.request(info["http"], "PUT", f"/v1/schemas/s{number}", {"fields": {}})
            self.assertEqual(put.status, 201)
        for _ in range(100):
            process.send_signal(signal.SIGHUP)
        metrics = cluster.request(info["http"], "GET", "/metrics").body.decode()
        left_out = [line for line in metrics.splitlines() if line.startswith("attune_log_suppressed_total ")]
        self.assertGreater(int(left_out[0].split()[1]), 0)
        os.close(reader)
        os.close(writer)
        self.assertEqual(cluster.request(info["http"], "GET", "/livez").status, 200)
        process.terminate()
        self.assertEqual(process.wait(20), 0)

    def test_closed_streams(self):
        """Started without standard streams: no file or socket of the daemon takes their numbers."""
        path = self.directory / "d"
        process = cluster.launch("--data-dir", path, *FREE, before_exec=lambda: [os.close(stream) for stream in range(3)])
        cluster.wait_for((path / "attuned.json").exists)
        for stream in range(3):
            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{stream}"), "/dev/null")
        process.terminate()
        self.assertEqual(process.wait(20), 0)

    def test_file_size_limit(self):
        """A limit of file sizes is an error like others, not the end by a signal."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        process = cluster.launch("--data-dir", self.directory / "d", *FREE, before_exec=limit, stderr=subprocess.PIPE, text=True)
        err = process.communicate(timeout=20)[1]
        self.assertEqual((process.returncode, err.count("\n")), (1, 1), err)

    def test_check_config(self):
        """--check-config checks and starts nothing; flags beat the environment, the environment beats the file."""
        path = self.directory / "d"
        config = self.config(f"data_dir: {path}\ninterval: 1s\njoin:\n  - 127.0.0.1:1\ninsecure: no\n")
        self.assertEqual(cluster.run(*config, "--check-config"), (0, "", ""))
        self.assertFalse(path.exists())
        self.refused(2, *config, "--check-config", words="ATTUNE_INTERVAL", env={"ATTUNE_INTERVAL": "x"})
        flag = cluster.run(*config, "--check-config", "--interval", "2s", env={"ATTUNE_INTERVAL": "x"})
        self.assertEqual(flag[0], 0)
        by_variables = cluster.run("--check-config", env={"ATTUNE_DATA_DIR": str(path), "ATTUNE_LOG_LEVEL": "debug"})
        self.assertEqual(by_variables, (0, "", ""))
        self.assertEqual(cluster.run("--check-config", env={"ATTUNE_CONFIG": config[1]})[0], 0)
        self.assertEqual(cluster.run(*self.config(""), "--data-dir", path, "--check-config")[0], 0)


if __name__ == "__main__":
    cluster.main()
