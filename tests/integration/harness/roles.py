"""The roles of Sluice as processes."""
import json
import os

import requests

from .binary import sluice_binary
from .process import Process, free_port
from .wait import wait_for


def clean_environment(extra=None):
    """The environment of a child: nothing of the developer's own settings leaks into a test."""
    keep = {k: v for k, v in os.environ.items()
            if k in ("PATH", "HOME", "LANG", "TERM", "USER") or k.endswith("SAN_OPTIONS")}
    keep.update({k: str(v) for k, v in (extra or {}).items()})
    return keep


def parse_metrics(text):
    """The Prometheus text format as {series: value}."""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


class Role:
    def __init__(self, name, folder, env, args=()):
        self.name = name
        self.folder = folder
        self.port = int(env.get("PORT") or free_port())
        self.env = clean_environment({"PORT": self.port, "LOG_LEVEL": "debug", **env, })
        self.env["PORT"] = str(self.port)
        self.args = list(args)
        self.log_path = os.path.join(folder, f"{name}-{self.port}.log")
        self.process = None
        self.start()

    def start(self):
        """Starts it; also again, after it was killed."""
        self.process = Process([sluice_binary(), self.name, *self.args], self.log_path, env=self.env, cwd=self.folder)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def returncode(self):
        return self.process.popen.poll()

    def get(self, path, timeout=30, **options):
        return requests.get(self.url + path, timeout=timeout, **options)

    def post(self, path, body=None, timeout=60, **options):
        """body: anything json.dumps takes, or bytes that are sent as they are."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        data = body.encode() if isinstance(body, str) else body
        return requests.post(self.url + path, data=data, headers=headers, timeout=timeout, **options)

    def metrics(self):
        return parse_metrics(self.get("/metrics").text)

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_lines(self):
        """Its log lines, parsed; lines that are no JSON (sanitizers) are left out."""
        lines = []
        for line in self.log_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return lines

    def wait_ready(self, seconds=30):
        def ready():
            if self.returncode is not None:
                raise AssertionError(f"{self.name} exited with {self.returncode}: {self.process.tail()}")
            answer = self.get("/health/readiness", timeout=2)
            if answer.status_code != 200:
                raise AssertionError(f"{answer.text.strip()}\n{self.process.tail()}")
            return True

        wait_for(ready, seconds, f"{self.name} to be ready")
        return self

    def wait_alive(self, seconds=30):
        wait_for(lambda: self.get("/health/liveness", timeout=2).status_code == 200, seconds, f"{self.name} to be alive")
        return self

    def signal(self, signum):
        self.process.signal(signum)

    def terminate(self, seconds=35):
        return self.process.terminate(seconds)

    def kill9(self):
        return self.process.kill9()
