"""The publisher against a real gateway: what it says it sent is what the streams hold, whatever happens between."""
import contextlib
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness.gateway import read_batch
from harness.process import free_port
from harness.binary import sluice_binary
from harness.wait import wait_for, within

STREAMS = ["FACEBOOK_EVENTS", "TIKTOK_EVENTS"]


@pytest.fixture
def nats():
    """Fresh streams for each test."""
    from harness.servers import NatsServer, running

    with running(NatsServer()) as server:
        yield server


def environment(port):
    return {"EVENT_ENDPOINT": f"http://127.0.0.1:{port}/webhook/events"}


def start(port, *flags):
    return subprocess.Popen([sluice_binary(), "publisher", *flags], env=environment(port), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process, seconds=60):
    """Its exit status and the totals it logs at the end."""
    _, errors = process.communicate(timeout=seconds)
    assert "Sanitizer" not in errors and "runtime error" not in errors, errors
    lines = [json.loads(line) for line in errors.splitlines()]
    done = [line for line in lines if line["event"] == "publisher.done"]
    return process.returncode, done[0] if done else None


def run(port, *flags, seconds=60):
    return finish(start(port, *flags), seconds)


class Refuser:
    """Takes connections and closes them without a word, and counts."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.count = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.sock.accept()[0].close()
                self.count += 1

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.close()

    def wait_tries(self, tries):
        wait_for(lambda: self.count >= tries, 20, f"{tries} tries")


def events_in(nats):
    events = []
    for stream in STREAMS:
        for message in nats.messages(stream):
            events += [json.loads(stored.raw) for stored in read_batch(message)]
    return events


def refusals(gateway):
    return gateway.metrics()['http_requests_total{code="503"}']


def ids(events):
    return {(e["source"], e["eventId"]) for e in events}


def test_what_it_counts_is_what_is_there(start_role, nats):
    gateway = start_role("gateway").wait_ready()
    status, done = run(gateway.port, "--count", "3000", "--rate", "max", "--batch", "20", "--corrupt", "0.3", "--duplicates",
                       "0.1", "--users", "50", "--seed", "5")
    assert status == 0
    assert done["events"] == 3000 and done["requests"] == 150 and done["retries"] == 0
    assert 20 < done["rejected"] < 75 and done["accepted"] + done["rejected"] == 3000
    assert len(nats.messages("EVENTS_DLQ")) == done["rejected"]
    events = events_in(nats)
    distinct = len(ids(events))
    assert len(events) <= done["accepted"] and 0.85 < distinct / done["accepted"] < 0.95
    assert len({json.dumps(e, sort_keys=True) for e in events}) == distinct, "a repeated event is the same to the byte"
    users = {}
    for event in events:
        user = event["data"]["user"]
        assert users.setdefault(user["userId"], user) == user
    assert 80 < len(users) <= 100


def test_the_same_seed_and_start_give_the_same_events(start_role, nats):
    gateway = start_role("gateway").wait_ready()
    flags = ["--count", "500", "--rate", "max", "--seed", "77", "--start", "2026-02-01T00:00:00Z", "--connections", "3"]
    assert run(gateway.port, *flags)[0] == 0
    first = {json.dumps(e, sort_keys=True) for e in events_in(nats)}
    assert run(gateway.port, *flags)[0] == 0
    assert {json.dumps(e, sort_keys=True) for e in events_in(nats)} == first
    assert run(gateway.port, "--count", "100", "--rate", "max")[0] == 0
    assert len(ids(events_in(nats))) > len(first) + 50


def test_it_waits_for_a_gateway_that_is_not_there_yet(start_role, nats):
    with Refuser() as refuser:
        publisher = start(refuser.port, "--count", "200", "--rate", "max", "--corrupt", "0", "--duplicates", "0")
        refuser.wait_tries(6)
        refuser.close()
        start_role("gateway", env={"PORT": str(refuser.port)})
    status, done = finish(publisher)
    assert status == 0 and done["accepted"] == 200 and done["retries"] > 0
    assert len(ids(events_in(nats))) == 200


def test_killing_the_gateway_loses_nothing(start_role, nats):
    port = free_port()
    gateway = start_role("gateway", env={"PORT": str(port)}).wait_ready()
    publisher = start(port, "--count", "6000", "--rate", "2000", "--batch", "20", "--corrupt", "0", "--duplicates", "0")
    for wanted in (500, 2500):
        wait_for(lambda: sum(nats.client().stream_state(s)["messages"] for s in STREAMS) * 10 > wanted, 30, "events to flow")
        gateway.kill9()
        gateway.start()
    status, done = finish(publisher)
    assert status == 0 and done["accepted"] == 6000 and done["retries"] > 0
    assert len(ids(events_in(nats))) == 6000


def test_nats_away_is_waited_out(start_role, nats):
    gateway = start_role("gateway").wait_ready()
    nats.stop()
    before = refusals(gateway)
    publisher = start(gateway.port, "--count", "100", "--rate", "max", "--corrupt", "0", "--duplicates", "0")
    wait_for(lambda: refusals(gateway) > before, 20, "a 503")
    nats.start()
    status, done = finish(publisher)
    assert status == 0 and done["accepted"] == 100 and done["retries"] > 0
    assert len(ids(events_in(nats))) == 100


def test_rate(start_role, nats):
    gateway = start_role("gateway").wait_ready()
    started = time.monotonic()
    status, done = run(gateway.port, "--count", "120", "--rate", "60", "--batch", "3")
    took = time.monotonic() - started
    assert status == 0 and done["requests"] == 40
    assert 1.8 < took < within(4)


def test_terminate_finishes_what_is_open(start_role, nats):
    gateway = start_role("gateway").wait_ready()
    nats.stop()
    before = refusals(gateway)
    publisher = start(gateway.port, "--rate", "max", "--connections", "2", "--batch", "10", "--corrupt", "0")
    wait_for(lambda: refusals(gateway) > before, 20, "a 503")
    publisher.send_signal(signal.SIGTERM)
    nats.start()
    status, done = finish(publisher, 15)
    assert status == 0 and done["unanswered"] == 0 and done["requests"] == 2 and done["accepted"] == 20
    assert 15 < len(ids(events_in(nats))) <= 20


def test_terminate_says_what_was_never_answered():
    with Refuser() as refuser:
        publisher = start(refuser.port, "--rate", "max", "--batch", "10", "--connections", "2")
        refuser.wait_tries(3)
        publisher.send_signal(signal.SIGTERM)
        status, done = finish(publisher, 20)
    assert status == 1 and done["unanswered"] == 20 and done["accepted"] == 0


def test_a_second_signal_ends_it_at_once():
    with Refuser() as refuser:
        publisher = start(refuser.port, "--rate", "max")
        refuser.wait_tries(3)
        publisher.send_signal(signal.SIGTERM)
        refuser.wait_tries(refuser.count + 8)  # it goes on trying what is open
        publisher.send_signal(signal.SIGTERM)
        assert publisher.wait(timeout=3) == 130
        publisher.stderr.close()


def test_a_refusal_is_told(start_role, nats):
    gateway = start_role("gateway", env={"BULK_MAX_EVENTS": "5"}).wait_ready()
    status, done = run(gateway.port, "--count", "10", "--batch", "10", "--rate", "max")
    assert status == 1 and done["refused"] == 10 and "413" in done["trouble"]


WRONG = [
    (["--rate", "0"], "--rate"), (["--rate", "100-10"], "--rate"), (["--rate", "fast"], "--rate"), (["--rate", "-5"], "--rate"),
    (["--batch", "0"], "--batch"), (["--batch", "50001"], "--batch"), (["--corrupt", "1.5"], "--corrupt"),
    (["--duplicates", "nan"], "--duplicates"), (["--users", "0"], "--users"), (["--seed", "x"], "--seed"),
    (["--count", "-1"], "--count"), (["--connections", "0"], "--connections"), (["--start", "today"], "--start"),
    (["--nonsense"], "--nonsense"), (["--event-endpoint", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize("flags,named", WRONG, ids=[" ".join(flags) for flags, _ in WRONG])
def test_wrong_flags(flags, named):
    done = subprocess.run([sluice_binary(), "publisher", *flags], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and named in done.stderr and not re.search("Sanitizer|runtime error", done.stderr)


def test_help_lists_the_flags():
    done = subprocess.run([sluice_binary(), "publisher", "--help"], capture_output=True, text=True, timeout=20, check=True)
    for flag in ("--rate", "--batch", "--corrupt", "--duplicates", "--users", "--seed", "--count", "EVENT_ENDPOINT"):
        assert flag.lower().replace("_", "-").strip("-") in done.stdout.lower().replace("_", "-")
