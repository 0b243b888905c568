"""A whole stack under its supervisor, in a folder and on ports of its own."""
import json
import os
import signal
import socket
import subprocess
import tempfile

import requests

from .roles import clean_environment, parse_metrics, sluice_binary
from .wait import wait_for


def free_port_base():
    """Eight consecutive ports that nothing holds."""
    for base in range(21000, 60000, 37):
        sockets = []
        try:
            for port in range(base, base + 8):
                sock = socket.socket()
                sockets.append(sock)
                sock.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise RuntimeError("no eight free ports in a row")


class Stack:
    def __init__(self, data=None, base=None):
        self.folder = tempfile.mkdtemp(prefix="sluice-test-stack-")
        self.data = data or os.path.join(self.folder, "var")
        self.base = base or free_port_base()

    def run(self, *words, env=None, timeout=180):
        """One command of the launcher's binary on this stack."""
        return subprocess.run([sluice_binary(), words[0], "--data", self.data, *words[1:]], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, env=clean_environment(env),
                              cwd=self.folder, check=False)

    def up(self, *options, env=None):
        done = self.run("up", "--detach", "--port-base", str(self.base), *options, env=env)
        assert done.returncode == 0, f"up failed with {done.returncode}: {done.stdout}{done.stderr}"
        return self

    def down(self):
        done = self.run("down")
        assert done.returncode == 0, f"down failed with {done.returncode}: {done.stdout}{done.stderr}"

    def status(self):
        """{name: {"name", "pid", "port", "state"}}"""
        done = self.run("status", "--json")
        return {row["name"]: row for row in json.loads(done.stdout)} if done.stdout.strip() else {}

    def kill9(self, name):
        pid = self.status()[name]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def port(self, role):
        order = ["gateway", "fb-collector", "ttk-collector", "reporter"]
        return self.base + order.index(role)

    def url(self, role):
        return f"http://127.0.0.1:{self.port(role)}"

    def get(self, role, path, **options):
        return requests.get(self.url(role) + path, timeout=options.pop("timeout", 30), **options)

    def metrics(self, role):
        return parse_metrics(self.get(role, "/metrics").text)

    def query(self, sql):
        done = self.run("psql", "-At", "-c", sql)
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]

    def wait_ready(self, seconds=30):
        for role in ("gateway", "fb-collector", "ttk-collector", "reporter"):
            wait_for(lambda r=role: self.get(r, "/health/readiness", timeout=2).status_code == 200, seconds,
                     f"{role} to be ready")
        return self
