"""dataThrough: once it has passed a moment, every event that was acknowledged before it is in the tables."""
import contextlib
import datetime
import signal
import threading
import time

import psycopg2
import pytest

from harness.collector import SOURCES, Publisher, consumer_state, drained
from harness.events import facebook_event
from harness.servers import NatsServer, running
from harness.wait import wait_for

FACEBOOK = "FACEBOOK_EVENTS"


@pytest.fixture
def nats():
    with running(NatsServer()) as server:
        yield server


@pytest.fixture
def database(postgres):
    return postgres.new_database()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def told(database, stream=FACEBOOK):
    """(through, told_at)."""
    rows = database.query("SELECT through, told_at FROM stream_progress WHERE stream = %s", (stream,))
    return rows[0] if rows else (None, None)


def through(database, stream=FACEBOOK):
    return told(database, stream)[0]


def wait_through(database, moment, seconds=30, stream=FACEBOOK):
    return wait_for(lambda: (t := through(database, stream)) and t > moment and t, seconds, f"{stream} to pass {moment}")


def stored_ids(database):
    return {row[0] for row in database.query("SELECT event_id FROM processed_events")}


def stored_at(nats, seq, stream=FACEBOOK):
    """When the stream took a message."""
    with nats.client() as client:
        text = client.api(f"STREAM.MSG.GET.{stream}", {"seq": seq})["message"]["time"]
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00")


def events(count):
    return [facebook_event() for _ in range(count)]


@contextlib.contextmanager
def nothing_stored(database):
    """Meanwhile every batch waits at its first statement."""
    with contextlib.closing(psycopg2.connect(database.url)) as connection:
        connection.cursor().execute("LOCK TABLE event_keys IN ACCESS EXCLUSIVE MODE")
        yield


class Load:
    """Publishes on and on; knows of each message when it was acknowledged."""

    def __init__(self, nats):
        self.nats = nats
        self.acked = []  # (when, event ids)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def _run(self):
        with Publisher(self.nats) as publisher:
            while not self.ending.wait(0.005):
                made = events(5)
                publisher.send(made)
                self.acked.append((now(), [e["eventId"] for e in made]))

    def due(self, moment):
        return {i for when, ids in list(self.acked) if when < moment for i in ids}


def check_promise(database, load):
    """In this order: what is promised first, what is there afterwards."""
    moment = through(database)
    missing = load.due(moment) - stored_ids(database) if moment else set()
    assert not missing, f"{len(missing)} events acknowledged before {moment} are not in the tables"
    return moment


def test_an_event_is_there_once_its_moment_is_passed(start_role, nats, database):
    collector = start_role("fb-collector").wait_ready()
    first = wait_for(lambda: through(database), 30, "the first word")
    assert first < now()
    for _ in range(2):
        made = events(3)
        with Publisher(nats) as publisher:
            publisher.send(made)
        wait_through(database, now())
        assert {e["eventId"] for e in made} <= stored_ids(database)
    # Idle, it goes on, and is never more than what is past.
    for _ in range(2):
        before = told(database)
        wait_for(lambda: told(database)[0] > before[0] and told(database)[1] > before[1], 30,  # noqa: B023
                 "an idle stream to go on")
        assert through(database) < now()
    assert database.query("SELECT stream FROM stream_progress") == [(FACEBOOK,)]
    assert collector.terminate() == 0
    last = through(database)
    collector.start()
    wait_through(database, last)


def test_each_source_tells_of_its_own_stream(start_role, nats, database):
    for source in SOURCES:
        start_role(SOURCES[source][0]).wait_ready()
    reporter = start_role("reporter").wait_ready()
    begin = now()
    streams = sorted(stream for _, stream, _ in SOURCES.values())
    for stream in streams:
        wait_through(database, begin, stream=stream)
    assert database.query("SELECT stream FROM stream_progress ORDER BY 1") == [(s,) for s in streams]
    answer = reporter.get("/reports/events").json()["dataThrough"]
    assert begin < datetime.datetime.fromisoformat(answer.replace("Z", "+00:00")) < now()


def test_it_holds_under_load_with_two_collectors_that_are_stopped_and_killed(start_role, nats, database):
    roles = [start_role("fb-collector", env={"ACK_WAIT": "2s", "BATCH_MAX_EVENTS": 50}).wait_ready() for _ in range(2)]
    passed = []
    with Load(nats) as load:
        wait_for(lambda: check_promise(database, load), 30, "the first word")
        for step in ("stop", "continue", "kill"):
            if step == "stop":
                roles[0].signal(signal.SIGSTOP)
            elif step == "continue":
                roles[0].signal(signal.SIGCONT)
            else:
                roles[1].kill9()
                roles[1].start()
            begin = now()
            end = time.monotonic() + 2
            # What a stopped one holds is given to the other after ACK_WAIT: then it goes on.
            while time.monotonic() < end or through(database) <= begin:
                passed.append(check_promise(database, load))
                assert time.monotonic() < end + 60, f"nothing was told after {step}"
    wait_through(database, now())
    check_promise(database, load)
    assert load.due(now()) == stored_ids(database)
    assert passed == sorted(passed), "moved back"
    assert len(set(passed)) >= 5


def test_it_does_not_pass_what_a_stopped_collector_holds(start_role, nats, database):
    """Held in a transaction that waits for a lock, by a collector that keeps its messages for long."""
    env = {"ACK_WAIT": "1h"}
    holder = start_role("fb-collector", env=env).wait_ready()
    wait_for(lambda: through(database), 30, "the first word")
    with Publisher(nats) as publisher, nothing_stored(database):
        held = events(4)
        seq = publisher.send(held)
        wait_for(lambda: consumer_state(nats)["num_ack_pending"] == 1, 30, "the message to be delivered")
        holder.signal(signal.SIGSTOP)
    limit = stored_at(nats, seq)
    # What it has asked for still goes to it, and stays with it for ACK_WAIT.
    wait_for(lambda: consumer_state(nats)["num_waiting"] == 0, 30, "its last request to expire")
    other = start_role("fb-collector", env=env).wait_ready()
    with Publisher(nats) as publisher:
        later = events(6)
        publisher.send(later)
    ids = {e["eventId"] for e in later}
    wait_for(lambda: ids <= stored_ids(database), 30, "what came later to be stored by the other one")
    # Told of again and again, and yet not moved.
    for _ in range(3):
        before = told(database)[1]
        wait_for(lambda: told(database)[1] > before, 30, "the other one to tell")  # noqa: B023
        assert through(database) <= limit
    assert not {e["eventId"] for e in held} & stored_ids(database)
    holder.signal(signal.SIGCONT)
    wait_for(lambda: drained(nats), 60, "the held message")
    wait_through(database, limit)
    assert {e["eventId"] for e in held} <= stored_ids(database)
    assert other.returncode is None


def test_a_stream_made_again_goes_on_and_nothing_moves_back(start_role, nats, database):
    start_role("fb-collector").wait_ready()
    with Publisher(nats) as publisher:
        for _ in range(5):
            publisher.send(events(2))
        wait_through(database, now())
        before = through(database)
        with nats.client() as client:
            client.api(f"STREAM.DELETE.{FACEBOOK}")
            wait_for(lambda: client.stream_state(FACEBOOK)["last_seq"] == 0, 30, "the stream to be made again")
        assert through(database) >= before
        made = events(2)
        assert publisher.send(made) == 1
        wait_through(database, now())
        assert {e["eventId"] for e in made} <= stored_ids(database)
        # All of it comes again: the floor is far behind what was told.
        latest = through(database)
        with nats.client() as client:
            client.api(f"CONSUMER.DELETE.{FACEBOOK}.fb-collector")
        wait_through(database, latest)
    assert database.value("SELECT count(*) FROM stream_progress") == 1
