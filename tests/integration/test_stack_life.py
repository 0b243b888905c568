"""One stack: what up starts, how it looks from outside, and that it survives the death of any part."""
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time

import pytest
import requests

from harness.events import facebook_event, tiktok_event
from harness.binary import sluice_binary
from harness.stack import ROLES, SERVERS, Stack, is_alive, user_of
from harness.wait import wait_for, within


@pytest.fixture(scope="module", name="stack")
def stack_fixture():
    stack = Stack()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


def send(stack, count=10):
    """Sends events and waits until they are stored."""
    before = stack.stored()
    events = [make() for _ in range(count // 2) for make in (facebook_event, tiktok_event)]
    # 503 is the answer while nats-server comes back: send the same again
    wait_for(lambda: stack.post(events).status_code == 200, 15, "the gateway to take events")
    wait_for(lambda: stack.stored() == before + count, 30, "the events to be stored")


def test_status_names_every_process(stack):
    rows = list(stack.status().values())
    assert sorted(row["name"] for row in rows) == sorted(["supervisor", *SERVERS, *ROLES])
    assert {row["state"] for row in rows} == {"ready"}
    assert all(set(row) == {"name", "pid", "port", "metricsPort", "state", "reason", "cpuSeconds", "memoryBytes"} for row in rows)
    assert all(row["memoryBytes"] > 1 << 20 and row["cpuSeconds"] >= 0 for row in rows)
    assert {row["name"]: row["metricsPort"] for row in rows if row["metricsPort"]} == \
        {name: stack.port(name) for name in ROLES}
    ports = {row["name"]: row["port"] for row in rows}
    assert ports.pop("supervisor") is None
    assert ports == {"gateway": stack.base, "fb-collector": stack.base + 1, "ttk-collector": stack.base + 2,
                     "reporter": stack.base + 3, "nats-server": stack.base + 4, "postgres": stack.base + 6,
                     "prometheus": stack.base + 7}
    table = stack.run("status").stdout
    assert all(row["name"] in table and str(row["pid"]) in table for row in rows)


def test_nothing_runs_as_root(stack):
    for row in stack.status().values():
        assert user_of(row["pid"]) != "root" or os.geteuid() != 0, row
        with open(f"/proc/{row['pid']}/status", encoding="ascii") as status:
            text = status.read()
        if row["name"] != "supervisor":
            assert "NoNewPrivs:\t1" in text


def test_secrets_are_private(stack):
    for path in (stack.data / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = (stack.data / "secrets" / "postgres").read_text()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                assert password.encode() not in cmdline.read()
        except (FileNotFoundError, ProcessLookupError):
            continue


def test_a_detached_stack_holds_nothing_of_its_starter(stack):
    for row in stack.status().values():
        for number in ("0", "1", "2"):
            target = os.readlink(f"/proc/{row['pid']}/fd/{number}")
            assert target == "/dev/null" or "/log/" in target, (row, number, target)


def test_events_come_through(stack):
    send(stack)
    report = stack.get("reporter", "/reports/events").json()
    assert report["data"]["totalEvents"] == stack.stored()


def test_prometheus_scrapes_every_process(stack):
    def targets():
        answer = stack.get("prometheus", "/api/v1/targets").json()
        up = {t["labels"]["job"] for t in answer["data"]["activeTargets"] if t["health"] == "up"}
        return up == {*ROLES, "prometheus"}

    wait_for(targets, 30, "Prometheus to reach every target")


def test_psql(stack):
    assert stack.sql("SHOW server_version").startswith("15.")
    assert stack.sql("SHOW timezone") == "UTC"
    assert stack.sql("SHOW server_encoding") == "UTF8"
    assert stack.sql("SHOW listen_addresses") == "127.0.0.1"
    assert stack.sql("SHOW wal_compression") == "lz4"
    assert stack.run("psql", "-c", "SELECT nonsense").returncode == 1


def test_a_second_up_is_refused_and_names_the_first(stack):
    done = stack.try_up()
    assert done.returncode == 1
    assert f"(pid {stack.pid('supervisor')})" in done.stderr


def test_another_stack_on_the_same_ports_names_who_holds_them(stack):
    other = Stack(base=stack.base)
    try:
        done = other.try_up()
        assert done.returncode == 1
        # the supervisor owns the sockets of the roles
        for port, holder in ((0, "supervisor"), (3, "supervisor"), (4, "nats-server"), (6, "postgres")):
            assert re.search(rf"port {stack.base + port} \([\w -]+\) is taken by [^;]*\(pid {stack.pid(holder)}\)",
                             done.stderr), done.stderr
        assert other.run("status").returncode == 3
    finally:
        other.remove()


def test_logs(stack):
    done = stack.run("logs", "gateway", "-n", "2")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2 and all(line["service"] == "gateway" for line in lines)
    everything = stack.run("logs").stdout
    assert "postgres         | " in everything and "supervisor       | " in everything
    assert stack.run("logs", "nobody").returncode == 1


def test_logs_follow(stack):
    with subprocess.Popen(stack.argv("logs", "supervisor", "-f", "-n", "0"), stdout=subprocess.PIPE, text=True,
                          cwd=stack.folder, env=stack.env) as follower:
        try:
            old = stack.pid("reporter")
            # The watch may begin after the first line was written: then the next one shows that it follows.
            os.kill(old, signal.SIGKILL)
            line = follower.stdout.readline()
            assert "reporter" in line
        finally:
            follower.terminate()
    stack.wait_state("reporter", other_than=old)


@pytest.mark.parametrize("name", [*ROLES, *SERVERS])
def test_a_killed_process_comes_back_and_that_is_said(stack, name):
    old = stack.pid(name)
    os.kill(old, signal.SIGKILL)
    stack.wait_state(name, other_than=old)
    assert f"{name} has ended: killed by signal 9 (Killed); starting it again in" in stack.log_text("supervisor")
    for role in ROLES:
        stack.wait_state(role)
    send(stack)


def requests_while(stack, act):
    """Posts on fresh and on kept connections while act() runs; returns the answers that were no 200."""
    bad, sent, stop = [], [0], threading.Event()

    def load(keep):
        session = requests.Session()
        while not stop.is_set():
            try:
                answer = (session if keep else requests).post(stack.url("gateway") + "/webhook/events",
                                                              json=facebook_event(), timeout=20)
                if answer.status_code != 200:
                    bad.append(answer.text)
            except requests.RequestException as error:
                # A kept connection may be closed at the moment it is used again; HTTP clients send again.
                if not keep:
                    bad.append(repr(error))
                session = requests.Session()
            sent[0] += 1

    threads = [threading.Thread(target=load, args=(i % 2 == 0,)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: sent[0] > 20, 20, "the load to begin")
        act()
        reached = sent[0] + 20
        wait_for(lambda: sent[0] > reached, 20, "the load to go on")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return bad, sent[0]


def test_restarting_the_gateway_loses_no_request(stack):
    def restart():
        for _ in range(3):
            old = stack.pid("gateway")
            done = stack.run("restart", "gateway")
            assert done.returncode == 0, done.stderr
            assert stack.pid("gateway") != old
            assert not is_alive(old)

    bad, sent = requests_while(stack, restart)
    assert not bad, bad[:3]
    assert sent > 40


@pytest.mark.parametrize("name", ["fb-collector", "ttk-collector", "reporter", "prometheus", "nats-server", "postgres"])
def test_restart(stack, name):
    old = stack.pid(name)
    done = stack.run("restart", name)
    assert done.returncode == 0, done.stderr
    assert stack.status()[name]["state"] == "ready"
    assert stack.pid(name) != old and not is_alive(old)
    for role in ROLES:
        stack.wait_state(role)
    send(stack)


def test_restart_runs_the_program_that_asks(stack):
    copy = stack.folder / "newer-sluice"
    copy.write_bytes(open(sluice_binary(), "rb").read())
    copy.chmod(0o700)  # as a build under umask 077 is
    original, stack.binary = stack.binary, copy
    try:
        assert stack.run("restart", "reporter").returncode == 0
        program = os.readlink(f"/proc/{stack.pid('reporter')}/exe")
        assert "newer-sluice" in program or "memfd:" in program
    finally:
        stack.binary = original


def test_restart_of_nobody(stack):
    done = stack.run("restart", "nobody")
    assert done.returncode == 2 and "no such process" in done.stderr


def test_down_and_up_again_finds_all_data(stack):
    send(stack)
    stored = stack.stored()
    pids = [row["pid"] for row in stack.status().values()]
    said = stack.down().stderr
    assert said.index("gateway has stopped") < said.index("fb-collector has stopped") < \
        said.index("nats-server has stopped") < said.index("postgres has stopped")
    assert not any(map(is_alive, pids))
    done = stack.run("status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (3, [])
    assert "nothing runs in" in done.stderr
    assert stack.run("down").returncode == 0
    begin = time.monotonic()
    stack.up()
    assert time.monotonic() - begin < within(5)
    assert stack.stored() == stored
    send(stack)


def test_a_killed_supervisor_leaves_nothing_that_hinders_the_next(stack):
    pids = {name: row["pid"] for name, row in stack.status().items()}
    stored = stack.stored()
    os.kill(pids["nats-server"], signal.SIGSTOP)  # one that cannot follow its supervisor by itself
    os.kill(pids["supervisor"], signal.SIGKILL)
    wait_for(lambda: not is_alive(pids["supervisor"]), 10, "the supervisor to be gone")
    assert stack.run("status").returncode == 3
    os.kill(pids["nats-server"], signal.SIGCONT)
    stack.up()
    assert not any(map(is_alive, pids.values()))
    assert stack.stored() == stored
    send(stack)


def test_a_stale_postmaster_pid_does_not_hinder(stack):
    stack.down()
    alive = os.getpid()
    path = stack.data / "postgres" / "postmaster.pid"
    path.write_text(f"{alive}\n{stack.data}/postgres\n0\n{stack.base + 6}\n\n127.0.0.1\n")
    os.chown(path, (stack.data / "postgres").stat().st_uid, (stack.data / "postgres").stat().st_gid)
    stack.up()
