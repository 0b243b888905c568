"""A whole stack under its supervisor, in a folder and on ports of its own."""
import contextlib
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import requests

from .binary import sluice_binary
from .process import own_share
from .roles import clean_environment, parse_metrics
from .wait import wait_for

OFFSETS = {"gateway": 0, "fb-collector": 1, "ttk-collector": 2, "reporter": 3, "nats-server": 4, "monitoring": 5,
           "postgres": 6, "prometheus": 7}
ROLES = ["gateway", "fb-collector", "ttk-collector", "reporter"]
SERVERS = ["postgres", "nats-server", "prometheus"]

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")


# Of a stack, and of one with a cluster: both lie below the kernel's ephemeral ports, and apart from each other.
PORTS, BASES = 8, range(20000, 32000, 8)
CLUSTER_PORTS, CLUSTER_BASES = 16, range(32000, 32752, 16)


def free_port_base(cluster=False):
    """Consecutive ports that nothing holds."""
    count = CLUSTER_PORTS if cluster else PORTS
    bases = own_share(CLUSTER_BASES if cluster else BASES)
    for base in random.sample(bases, len(bases)):
        with contextlib.ExitStack() as sockets:
            try:
                for port in range(base, base + count):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return base
            except OSError:
                continue
    raise RuntimeError(f"no {count} free ports in a row")


class Stack:
    """The folder is closed to others, as a clone in /root is: the stack's user must get along with that."""

    def __init__(self, data=None, base=None, env=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-stack-"))
        self.data = pathlib.Path(data or self.folder / "var")
        self.base = base or free_port_base()
        self.env = clean_environment(env)
        self.binary = sluice_binary()

    def argv(self, command, *words):
        return [str(self.binary), command, "--data", str(self.data), *map(str, words)]

    def run(self, *words, env=None, timeout=180):
        """One command of the launcher's binary on this stack."""
        extra = {name: str(value) for name, value in (env or {}).items()}
        return subprocess.run(self.argv(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, env={**self.env, **extra}, cwd=self.folder, check=False)

    def popen(self, command, *options, **popen_options):
        """`up` or `demo` in the foreground."""
        return subprocess.Popen(self.argv(command, "--port-base", self.base, *options), cwd=self.folder, env=self.env,
                                **popen_options)

    def try_up(self, *options, env=None, command="up"):
        return self.run(command, "--detach", "--port-base", str(self.base), *options, env=env)

    def up(self, *options, env=None, command="up"):
        done = self.try_up(*options, env=env, command=command)
        assert done.returncode == 0, f"up failed with {done.returncode}: {done.stdout}{done.stderr}"
        return self

    def down(self):
        done = self.run("down")
        assert done.returncode == 0, f"down failed with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def remove(self):
        """Stops it, whatever state a test left it in, and deletes its folder."""
        try:
            self.down()
            for log in self.data.glob("log/*.log"):
                text = log.read_text(errors="replace")
                assert not any(mark in text for mark in SANITIZER_MARKS), f"{log.name}: {text[-4000:]}"
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def status(self):
        """{name: {"name", "pid", "port", "metricsPort", "state", "reason", "cpuSeconds", "memoryBytes"}}"""
        done = self.run("status", "--json")
        return {row["name"]: row for row in json.loads(done.stdout)} if done.stdout.strip() else {}

    def pid(self, name):
        return self.status()[name]["pid"]

    def kill9(self, name):
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_state(self, name, state="ready", other_than=None, seconds=30):
        def reached():
            row = self.status()[name]
            return row["state"] == state and row["pid"] != other_than

        wait_for(reached, seconds, f"{name} to be {state}")

    def port(self, name):
        return self.base + OFFSETS[name]

    def url(self, name):
        return f"http://127.0.0.1:{self.port(name)}"

    def get(self, name, path, **options):
        return requests.get(self.url(name) + path, timeout=options.pop("timeout", 30), **options)

    def post(self, events, **options):
        return requests.post(self.url("gateway") + "/webhook/events", json=events,
                             timeout=options.pop("timeout", 30), **options)

    def metrics(self, role):
        return parse_metrics(self.get(role, "/metrics").text)

    def sql(self, text):
        """What psql prints."""
        done = self.run("psql", "-At", "-c", text)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def query(self, sql):
        return [line.split("|") for line in self.sql(sql).splitlines()]

    def nats_url(self, name="nats-server"):
        """With its password; name: which of a cluster's servers."""
        urls = re.search(r"^NATS_URL=(.*)$", (self.data / "run" / "stack.env").read_text(), re.MULTILINE)[1].split(",")
        return next(url for url in urls if url.endswith(f":{self.status()[name]['port']}"))

    def stored(self):
        return int(self.sql("SELECT count(*) FROM processed_events"))

    def log_text(self, name):
        path = self.data / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_ready(self, seconds=30):
        for role in ROLES:
            wait_for(lambda r=role: self.get(r, "/health/readiness", timeout=2).status_code == 200, seconds,
                     f"{role} to be ready")
        return self


def is_alive(pid):
    """A zombie that nobody has waited for yet is not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def user_of(pid):
    return pwd.getpwuid(os.stat(f"/proc/{pid}").st_uid).pw_name


@contextlib.contextmanager
def held_port(port):
    """Somebody else listens there."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen()
        yield sock
