"""`up --cluster`: every part is there twice or thrice, and one of each may die under load."""
import concurrent.futures
import json
import random
import threading

import pytest

from harness.events import corrupt_event, facebook_event, random_event
from harness.exact import assert_demographics_equal, assert_events_equal, assert_revenue_equal, report, send
from harness.nats_client import NatsClient
from harness.oracle import unique
from harness.stack import Stack, free_port_base
from harness.wait import wait_for

SERVERS = ["nats-server", "nats-server-2", "nats-server-3"]
PARTS = [*SERVERS, "postgres", "prometheus", "gateway", "gateway-2", "fb-collector", "fb-collector-2", "ttk-collector",
         "ttk-collector-2", "reporter"]
STREAMS = ["FACEBOOK_EVENTS", "TIKTOK_EVENTS", "EVENTS_DLQ", "EVENTS_UNREADABLE", "SERVICE_METRICS"]
PER_REQUEST = 50


@pytest.fixture(scope="module", name="stack")
def stack_fixture():
    stack = Stack(base=free_port_base(cluster=True))
    try:
        yield stack.up("--cluster")
    finally:
        stack.remove()


def api(stack, subject, server="nats-server"):
    with NatsClient(stack.nats_url(server)) as client:
        return client.api(subject)


def leader_of(stack, stream):
    """The unit that leads a stream. Its servers are called nats-1 to nats-3."""
    for server in SERVERS:
        if stack.status()[server]["state"] == "ready":
            leader = api(stack, f"STREAM.INFO.{stream}", server)["cluster"]["leader"]
            return SERVERS[int(leader[-1]) - 1]
    return None


def test_everything_is_there_and_streams_fit_their_servers(stack):
    assert set(stack.status()) == {"supervisor", *PARTS}
    for part in PARTS:
        stack.wait_state(part)
    reserved = 0
    for stream in STREAMS:
        info = api(stack, f"STREAM.INFO.{stream}")
        assert info["config"]["num_replicas"] == 3 and len(info["cluster"]["replicas"]) == 2
        reserved += info["config"]["max_bytes"]
    assert reserved <= int((stack.data / "nats-1" / "max_file_store").read_text())
    assert stack.run("doctor").returncode == 0


class Load:
    """Sends requests until they are answered, some at a time, until it is told to stop."""

    def __init__(self, stack, senders=3):
        self.url = stack.url("gateway") + "/webhook/events"
        self.rng, self.lock = random.Random(11), threading.Lock()
        self.valid, self.corrupt, self.answered = [], 0, 0
        self.stopping = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(senders)
        self.senders = [self.pool.submit(self.run) for _ in range(senders)]

    def body(self):
        """Of the events one is corrupt and, when there are any, one was sent before."""
        with self.lock:
            events = [random_event(self.rng, users=2000, span_hours=30) for _ in range(PER_REQUEST - 2)]
            events.append(self.rng.choice(self.valid) if self.valid else random_event(self.rng, users=2000))
            self.valid += events
            self.corrupt += 1
            return [*events, corrupt_event(self.rng)[0]]

    def run(self):
        while not self.stopping.is_set():
            send(self.url, self.body())
            with self.lock:
                self.answered += 1

    def wait_more(self, requests=20):
        wanted = self.answered + requests
        wait_for(lambda: self.answered >= wanted or any(s.done() for s in self.senders), 60, "the load to go on")

    def stop(self):
        self.stopping.set()
        for sender in self.senders:
            sender.result()


def kill(stack, *names):
    """SIGKILL; they come back by themselves, under load."""
    old = {name: stack.kill9(name) for name in names}
    for name in names:
        stack.wait_state(name, other_than=old[name], seconds=60)


def test_one_of_each_dies_under_load_and_nothing_is_lost(stack):
    load = Load(stack)
    load.wait_more()
    try:
        leader = wait_for(lambda: leader_of(stack, "FACEBOOK_EVENTS"), 30, "a leader")
        kill(stack, leader)
        load.wait_more()
        kill(stack, "gateway", "fb-collector", "ttk-collector")
        load.wait_more()
        other = next(server for server in SERVERS if server != leader)
        kill(stack, other, "gateway-2", "fb-collector-2", "ttk-collector-2")
        load.wait_more()
    finally:
        load.stop()
    for name in PARTS:
        stack.wait_state(name, seconds=60)
    events = unique(load.valid)
    wait_for(lambda: report(stack, "events")["totalEvents"] == len(events), 60, "all events to be stored")
    for source in ("facebook", "tiktok"):
        assert_events_equal(stack, [e for e in events if e["source"] == source], source=source)
    assert_revenue_equal(stack, events)
    assert_demographics_equal(stack, events)
    assert_audit_is_clean(stack)
    assert api(stack, "STREAM.INFO.EVENTS_DLQ")["state"]["messages"] >= load.corrupt


def assert_audit_is_clean(stack):
    def clean():
        done = stack.run("audit", "--json")
        result = json.loads(done.stdout)
        return done.returncode == 0 and all(s["inFlight"]["messages"] == 0 for s in result["sources"]) or done.stdout

    wait_for(lambda: clean() is True, 60, "an audit in which nothing is missing or in flight")


def test_operators_commands(stack):
    replay = stack.run("replay")
    assert replay.returncode == 0 and "keys without their event row: 0" in replay.stdout
    assert stack.run("dlq", "ls", "--limit", "5").returncode == 0
    before = {name: stack.pid(name) for name in SERVERS}
    assert stack.run("restart", "nats-server").returncode == 0
    assert all(stack.pid(name) != pid for name, pid in before.items())
    for name in SERVERS:
        assert stack.run("logs", name).stdout


def test_a_directory_of_the_other_kind_is_refused(stack):
    stack.down()
    done = stack.try_up()
    assert done.returncode == 1 and "Start it with --cluster" in done.stderr
    stack.up("--cluster")
    assert stack.stored() > 0 and api(stack, "STREAM.INFO.FACEBOOK_EVENTS")["state"]["messages"] > 0


@pytest.fixture(name="single")
def single_fixture():
    stack = Stack(base=free_port_base(cluster=True))
    try:
        yield stack
    finally:
        stack.remove()


def test_a_directory_of_one_server_keeps_its_events(single):
    single.up()
    assert single.post(facebook_event()).status_code == 200
    single.down()
    done = single.try_up("--cluster")
    assert done.returncode == 1 and "started without --cluster" in done.stderr
    single.up()
    assert api(single, "STREAM.INFO.FACEBOOK_EVENTS")["state"]["messages"] == 1


@pytest.mark.parametrize("env, error", [
    ({"NATS_URL": "nats://127.0.0.1:4222"}, "NATS_URL names others"),
    ({"STREAM_REPLICAS": "5"}, "the cluster has 3 nats-servers"),
    ({"STREAM_MAX_BYTES": "900G"}, "twice STREAM_MAX_BYTES"),
])
def test_settings_that_do_not_go_with_a_cluster(single, env, error):
    done = single.try_up("--cluster", env=env)
    assert done.returncode == 1 and error in done.stderr
