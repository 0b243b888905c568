"""sluice health: ready or not, and why, as a watcher without an HTTP client asks."""
import signal
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.process import free_port
from harness.roles import clean_environment
from harness.wait import wait_for


def health(*flags, env=None):
    done = subprocess.run([sluice_binary(), "health", *flags], capture_output=True, text=True, timeout=60, check=False,
                          env=clean_environment(env), cwd="/")
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.stdout.count("\n") + done.stderr.count("\n") == 1, (done.stdout, done.stderr)
    return done


def test_ready_and_not(start_role, other_nats):
    role = start_role("gateway", {"NATS_URL": other_nats.url})
    role.wait_ready()
    done = health("gateway", env={"PORT": role.port})
    assert done.returncode == 0 and done.stdout == f"gateway on port {role.port} is ready\n"
    other_nats.stop()

    def not_ready():
        return health("gateway", "--port", str(role.port)).returncode == 1

    wait_for(not_ready, 30, "the gateway to miss NATS")
    done = health("gateway", "--port", str(role.port))
    assert f"gateway on port {role.port} is not ready: not_ready; nats: " in done.stderr
    assert health("gateway", "--port", str(role.port), env={"HOST": "0.0.0.0"}).returncode == 1


def test_a_role_that_hangs_is_not_ready(start_role, nats):
    role = start_role("gateway", {"NATS_URL": nats.url})
    role.wait_ready()
    role.signal(signal.SIGSTOP)
    try:
        done = health("gateway", env={"PORT": role.port})
    finally:
        role.signal(signal.SIGCONT)
    assert done.returncode == 1 and "gateway does not answer" in done.stderr


def test_nothing_listens():
    done = health("reporter", env={"PORT": free_port()})
    assert done.returncode == 1 and "reporter does not answer" in done.stderr


@pytest.mark.parametrize("flags", [["publisher"], ["gateway", "reporter"], ["gateway", "--port", "x"], []])
def test_wrong_usage(flags):
    assert health(*flags).returncode == 2
