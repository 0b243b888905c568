"""How a stack may be started: ports, scale, other servers, settings, a terminal, and what it refuses."""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import pytest
import requests

from harness.events import facebook_event
from harness.binary import sluice_binary
from harness.stack import ROLES, Stack, held_port, is_alive
from harness.wait import wait_for, within


@pytest.fixture(name="stack")
def stack_fixture():
    stack = Stack()
    try:
        yield stack
    finally:
        stack.remove()


@pytest.mark.parametrize("env, args, error", [
    ({"PORT": "8080"}, [], "PORT is set"),
    ({"LOG_LEVEL": "loud"}, [], "LOG_LEVEL"),
    ({"HOST": "192.0.2.1"}, [], "HOST=192.0.2.1"),
    ({}, ["--scale", "gateway=17"], "--scale takes"),
    ({}, ["--port-base", "70000"], "--port-base takes"),
    ({}, ["--colour"], "not understood"),
])
def test_refused(stack, env, args, error):
    done = stack.run("up", "--detach", *args, env=env)
    assert done.returncode in (1, 2)
    assert error in done.stderr
    assert not stack.data.exists()


def test_port_in_the_env_file_is_refused_too(stack):
    (stack.folder / ".env").write_text("PORT=8080\n")
    done = stack.try_up()
    assert done.returncode == 1 and "PORT is set" in done.stderr


def test_a_directory_with_other_things_is_left_alone(stack):
    stack.data.mkdir()
    (stack.data / "thesis.txt").write_text("mine")
    done = stack.try_up()
    assert done.returncode == 1 and "holds other things" in done.stderr
    assert os.listdir(stack.data) == ["thesis.txt"]


def test_commands_where_nothing_was_ever_started(stack):
    assert stack.run("status").returncode == 3
    done = stack.run("status", "--json")
    assert (done.returncode, done.stdout) == (3, "[]\n")
    assert stack.run("down").returncode == 0
    assert stack.run("restart", "gateway").returncode == 3
    assert stack.run("logs").returncode == 3
    assert stack.run("psql").returncode == 3


def test_a_taken_port_is_named_with_its_holder(stack):
    with held_port(stack.base + 2):
        done = stack.try_up()
    assert done.returncode == 1
    assert f"port {stack.base + 2} (ttk-collector) is taken by" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr


def test_prometheus_moves_when_its_port_is_taken(stack):
    with held_port(stack.base + 7):
        done = stack.try_up()
        assert f"Prometheus moves to {stack.base + 8}" in done.stderr
        assert stack.status()["prometheus"]["port"] == stack.base + 8
        assert requests.get(f"http://127.0.0.1:{stack.base + 8}/-/ready", timeout=5).status_code == 200


def test_a_setting_that_a_role_refuses_ends_the_start_with_its_words(stack):
    done = stack.try_up(env={"BODY_MAX_BYTES": "many"})
    assert done.returncode == 1
    assert "gateway does not start" in done.stderr and "BODY_MAX_BYTES" in done.stderr
    assert stack.run("status").returncode == 3


def test_the_env_file_reaches_the_roles_and_the_environment_wins(stack):
    (stack.folder / ".env").write_text("BULK_MAX_EVENTS=3\nEVENT_MAX_BYTES=2048\n")
    (stack.folder / ".env").chmod(0o600)
    stack.up(env={"EVENT_MAX_BYTES": "4096"})
    assert stack.post([facebook_event() for _ in range(4)]).status_code == 413
    event = facebook_event()
    event["note"] = "x" * 3000
    assert stack.post(event).status_code == 200


def test_other_servers_are_used_and_none_is_started(stack, nats, database):
    stack.env.update(NATS_URL=nats.url, DATABASE_URL=database.url)
    stack.up()
    assert set(stack.status()) == {"supervisor", "prometheus", *ROLES}
    assert stack.post(facebook_event()).status_code == 200
    wait_for(lambda: database.value("SELECT count(*) FROM processed_events") == 1, 30, "the event to be stored")
    assert stack.stored() == 1


def test_scale(stack):
    stack.up("--scale", "gateway=2,fb-collector=3")
    rows = stack.status()
    assert set(rows) >= {"gateway", "gateway-2", "fb-collector", "fb-collector-2",
                                             "fb-collector-3", "ttk-collector"}
    ports = {name: row["port"] for name, row in rows.items()}
    assert ports["gateway"] == ports["gateway-2"] == stack.base
    assert len({ports["fb-collector"], ports["fb-collector-2"], ports["fb-collector-3"]}) == 3
    for name in ("fb-collector-2", "fb-collector-3"):
        url = f"http://127.0.0.1:{ports[name]}/health/readiness"
        assert requests.get(url, timeout=5).status_code == 200
    assert stack.run("restart", "gateway").returncode == 0
    after = {name: row["pid"] for name, row in stack.status().items()}
    before = {name: row["pid"] for name, row in rows.items()}
    assert after["gateway"] != before["gateway"] and after["gateway-2"] != before["gateway-2"]
    for _ in range(20):
        assert stack.post(facebook_event()).status_code == 200
    wait_for(lambda: stack.stored() == 20, 30, "the events to be stored")

    def scraped():
        query = {"query": "sum(gateway_events_accepted_total) and on() (count(up{job='gateway'} == 1) == 2)"}
        found = stack.get("prometheus", "/api/v1/query", params=query).json()["data"]["result"]
        return [row["value"][1] for row in found] == ["20"]

    wait_for(scraped, 30, "Prometheus to read each gateway's own counters")


def test_demo_sends_events(stack):
    stack.up(command="demo")
    assert "publisher" in stack.status()
    wait_for(lambda: stack.stored() > 0, 30, "events of the publisher")


def test_a_start_that_nobody_waits_for_any_more_is_undone(stack):
    starter = stack.popen("up", "--detach", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (stack.data / "run" / "processes").exists(), 20, "the supervisor to begin")
    starter.kill()
    starter.wait()
    wait_for(lambda: stack.run("status").returncode == 3 or
             {row["state"] for row in stack.status().values()} == {"ready"}, 30, "an end or a whole start")


def test_in_the_foreground_without_a_terminal(stack):
    process = stack.popen("up", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in process.stderr:
        lines.append(json.loads(line))
        if lines[-1]["event"] == "stack.ready":
            break
    pids = [row["pid"] for row in stack.status().values()]
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(timeout=40) == 0
    assert "everything has stopped" in rest
    assert not any(map(is_alive, pids))


def read_until(fd, text, seconds=30):
    seen, deadline = "", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536).decode(errors="replace")
    return seen


def test_on_a_terminal(stack):
    master, slave = pty.openpty()
    process = stack.popen("demo", stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                          preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0))
    os.close(slave)
    seen = read_until(master, "Ctrl-C drains")
    for name in [*ROLES, "prometheus", "nats-server", "postgres"]:
        assert f"  {name} " in seen
    counts = read_until(master, "events/s")
    assert all(word in counts for word in ("accepted", "stored", "duplicates", "rejected"))
    wait_for(lambda: stack.stored() > 0, 30, "events of the publisher")
    os.write(master, b"\x03")
    said = read_until(master, "everything has stopped")
    assert "gateway has stopped" in said and "has ended" not in said
    assert process.wait(timeout=40) == 0
    os.close(master)


def test_a_second_signal_does_not_wait(stack):
    process = stack.popen("up", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: stack.run("status").returncode == 0 and stack.status()["supervisor"]["state"] == "ready", 30,
             "the stack to be ready")
    os.kill(stack.pid("gateway"), signal.SIGSTOP)  # it will not drain
    process.send_signal(signal.SIGINT)
    wait_for(lambda: stack.status()["gateway"]["state"] == "stopping", 10, "the gateway to be asked")
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    assert process.wait(timeout=30) == 0
    assert time.monotonic() - begin < within(15)


def test_a_program_that_others_may_not_reach(stack):
    copy = stack.folder / "sluice"
    shutil.copy(sluice_binary(), copy)
    copy.chmod(0o700)
    stack.binary = copy
    stack.up()
    assert stack.post(facebook_event()).status_code == 200


def test_a_path_longer_than_a_socket_address():
    stack = Stack()
    stack.data = stack.folder / "/".join(["a-rather-long-name-for-a-folder"] * 6)
    stack.data.parent.mkdir(parents=True)
    try:
        stack.up()
        assert stack.sql("SELECT 1") == "1"
    finally:
        stack.remove()
