"""Logs that cannot be written are dropped and counted; the service lives."""
import json
import os
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.events import facebook_event
from harness.roles import Role
from harness.wait import wait_for

EVENTS = "/webhook/events"
PIPE_BYTES = 65536


class Unlogged(Role):
    """Its standard error goes where the test says; None closes it."""

    def __init__(self, folder, env, stderr):
        self.stderr = stderr
        super().__init__("gateway", folder, env)

    def start(self):
        argv = ["sh", "-c", 'exec "$0" "$@" 2>&-' if self.stderr is None else 'exec "$0" "$@"', sluice_binary(), self.name]
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.stderr,
                                      env=self.env, cwd=self.folder)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def returncode(self):
        return self.popen.poll()


@pytest.fixture(name="start_unlogged")
def start_unlogged_fixture(nats, tmp_path):
    started = []

    def start(stderr):
        role = Unlogged(tmp_path, {"NATS_URL": nats.url}, stderr)
        started.append(role)
        wait_for(lambda: role.get("/health/readiness", timeout=2).status_code == 200, 30, "the gateway to be ready")
        return role

    yield start
    for role in started:
        role.popen.terminate()
        assert role.popen.wait(timeout=35) == 0


def dropped(gateway):
    return gateway.metrics()["log_lines_dropped_total"]


def test_a_full_disk(start_unlogged):
    with open("/dev/full", "wb") as full:
        gateway = start_unlogged(full)
    before = dropped(gateway)
    assert before > 0
    assert gateway.post(EVENTS, facebook_event()).status_code == 200
    assert dropped(gateway) > before


def test_a_pipe_that_nobody_reads(start_unlogged):
    read_fd, write_fd = os.pipe()
    gateway = start_unlogged(write_fd)
    os.close(write_fd)

    def full():
        assert gateway.post(EVENTS, facebook_event()).status_code == 200
        return dropped(gateway) > 0

    wait_for(full, 60, "the pipe to be full")
    with os.fdopen(read_fd, "rb") as pipe:
        pipe.read(PIPE_BYTES // 2)
        pipe.readline()
        assert gateway.get("/health/liveness", headers={"X-Correlation-Id": "heard-again"}).status_code == 200
        line = b""
        while b"heard-again" not in line:
            line = pipe.readline()
            json.loads(line)


def test_a_closed_standard_error(start_unlogged):
    """Its number must not become a socket's, which log lines would be written into."""
    gateway = start_unlogged(None)
    assert os.readlink(f"/proc/{gateway.pid}/fd/2") == "/dev/null"
    assert gateway.post(EVENTS, facebook_event()).status_code == 200
