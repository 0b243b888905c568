"""The doctor finds what is wrong, and nothing where all is well."""
import contextlib
import json
import os
import signal
import socket
import subprocess

import pytest

from harness.process import free_port
from harness.binary import sluice_binary
from harness.roles import clean_environment
from harness.stack import Stack, free_port_base
from harness.wait import wait_for


def doctor(*flags, env=None, cwd="/"):
    done = subprocess.run([sluice_binary(), "doctor", "--json", *flags], capture_output=True, text=True, timeout=60, check=False,
                          env=clean_environment(env), cwd=cwd)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def of(findings, check, state=None):
    return [f for f in findings if f["check"] == check and state in (None, f["state"])]


def assert_mendable(findings):
    """Whatever is not ok says what to do."""
    assert all(f["mend"] for f in findings if f["state"] != "ok"), findings


def assert_well(stack):
    """In the end: services need a moment to notice that what they need is back."""
    def well():
        status, findings = doctor("--data", str(stack.data))
        assert status == 0, [f for f in findings if f["state"] == "fail"]
        return True

    wait_for(well, 60, "all to be well again")


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


def test_a_running_stack_is_well(stack):
    status, findings = doctor("--data", str(stack.data))
    assert status == 0, [f for f in findings if f["state"] == "fail"]
    assert not of(findings, "stack")
    assert len(of(findings, "stream", "ok")) == 5 and len(of(findings, "consumer", "ok")) == 3
    assert len(of(findings, "health", "ok")) == 4
    for check in ("disk", "memory", "packages", "nats", "jetstream", "database", "migrations", "connections", "clock"):
        assert of(findings, check), check
    assert "PostgreSQL 15" in of(findings, "database")[0]["detail"]


def test_as_text(stack):
    done = stack.run("doctor")
    assert done.returncode == 0 and "0 to mend" in done.stdout
    assert all(line.split()[0] in ("ok", "warn") for line in done.stdout.splitlines()[:-1] if not line.startswith(" "))


def test_a_missing_stream_is_found(stack):
    from harness.nats_client import JetStreamError, NatsClient

    with open(stack.data / "run/stack.env", encoding="utf-8") as file:
        urls = dict(line.strip().split("=", 1) for line in file)
    client = NatsClient(urls["NATS_URL"])

    def lost():
        with contextlib.suppress(JetStreamError):  # a role that lost its connection makes it again
            client.api("STREAM.DELETE.EVENTS_UNREADABLE")
        status, findings = doctor("--data", str(stack.data))
        found = of(findings, "stream", "fail")
        assert status == 1 and len(found) == 1, [f for f in findings if f["state"] == "fail"]
        return found[0]

    # A server that is busy may miss the doctor's first question.
    found = wait_for(lost, 60, "the stream to be missed")
    assert "EVENTS_UNREADABLE" in found["detail"] and "sluice init" in found["mend"]
    done = subprocess.run([sluice_binary(), "init"], env=clean_environment(urls), timeout=60, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert_well(stack)
    client.close()


def run_sql(stack, sql):
    done = stack.run("psql", "-c", sql)
    assert done.returncode == 0, done.stderr


def test_a_schema_that_is_ahead_is_found(stack):
    newest = "(SELECT max(version) FROM schema_migrations)"
    run_sql(stack, f"UPDATE schema_migrations SET version = version + 100 WHERE version = {newest}")
    try:
        _, findings = doctor("--data", str(stack.data))
        assert of(findings, "migrations", "warn")
    finally:
        run_sql(stack, "UPDATE schema_migrations SET version = version - 100 WHERE version > 100")


@pytest.mark.parametrize("process,check", [("postgres", "database"), ("nats-server", "nats"), ("reporter", "health")])
def test_a_process_that_hangs_is_found(stack, process, check):
    pid = stack.pid(process)
    os.kill(pid, signal.SIGSTOP)
    try:
        status, findings = doctor("--data", str(stack.data))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status == 1 and of(findings, check, "fail")
    assert_mendable(findings)
    assert_well(stack)


def test_without_a_stack_it_says_so(tmp_path):
    status, findings = doctor("--data", str(tmp_path / "var"), "--port-base", str(free_port_base()))
    assert status == 1
    [none] = of(findings, "stack")
    assert none["state"] == "fail" and "no stack runs" in none["detail"] and "sluice up" in none["mend"]
    assert of(findings, "ports", "ok") and not of(findings, "database")


def test_a_taken_port_is_named(tmp_path):
    base = free_port_base()
    with contextlib.closing(socket.create_server(("127.0.0.1", base + 3))):
        status, findings = doctor("--data", str(tmp_path / "var"), "--port-base", str(base))
    [taken] = of(findings, "ports")
    assert status == 1 and taken["state"] == "fail" and str(base + 3) in taken["detail"] and str(base + 3) in taken["mend"]


def test_servers_of_ones_own(postgres, nats, tmp_path):
    database = postgres.new_database()
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url}
    status, findings = doctor("--data", str(tmp_path / "var"), env=env)
    assert status == 1
    assert_mendable(findings)
    assert of(findings, "nats", "ok") and of(findings, "database", "ok")
    assert len(of(findings, "stream", "fail")) == 5 and of(findings, "migrations", "fail")[0]["mend"] == "sluice migrate"
    env["NATS_URL"], env["DATABASE_URL"] = f"nats://127.0.0.1:{free_port()}", f"postgresql://127.0.0.1:{free_port()}/x"
    status, findings = doctor("--data", str(tmp_path / "var"), env=env)
    assert of(findings, "nats", "fail") and of(findings, "database", "fail") and not of(findings, "stream")


def test_a_password_is_never_shown(tmp_path):
    env = {"NATS_URL": f"nats://u:secret-1@127.0.0.1:{free_port()}",
           "DATABASE_URL": f"postgresql://u:secret-2@127.0.0.1:{free_port()}/x"}
    _, findings = doctor("--data", str(tmp_path / "var"), env=env)
    assert "secret" not in json.dumps(findings)


def test_a_machine_without_dpkg(tmp_path):
    _, findings = doctor("--data", str(tmp_path / "var"), env={"PATH": str(tmp_path)})
    assert [f["state"] for f in of(findings, "packages")] == ["warn", "warn"]
    assert_mendable(findings)


def test_missing_packages_are_named(tmp_path):
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nfor p; do case $p in nats-server|-*|*{*) ;; *) echo \"$p installed 1\";; esac; done; exit 1\n")
    fake.chmod(0o755)
    status, findings = doctor("--data", str(tmp_path / "var"), env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    [missing] = of(findings, "packages", "fail")
    assert status == 1 and missing["mend"].endswith("--no-install-recommends nats-server")


@pytest.mark.parametrize("flags", [["--port-base", "0"], ["--port-base", "70000"], ["--nonsense"]])
def test_wrong_flags(flags):
    done = subprocess.run([sluice_binary(), "doctor", *flags], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and flags[0] in done.stderr
