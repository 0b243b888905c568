"""Old data leaves by itself: trimmed streams, pruned ledgers, dropped days; and nothing that is needed does."""
import contextlib
import datetime
import os
import random
import signal
import subprocess
import threading

import psycopg2
import pytest

from harness.collector import SOURCES, Publisher, consumer_state, drained, metric
from harness.events import facebook_checkout, facebook_event, random_event, tiktok_event, timestamp
from harness.nats_client import JetStreamError
from harness.servers import NatsServer, PostgresServer, running
from harness.wait import wait_for

FACEBOOK = "FACEBOOK_EVENTS"
SMALL = {"STREAM_MAX_BYTES": "2M", "UPKEEP_INTERVAL": "200ms", "ACK_WAIT": "5s"}
STREAM_FULL = 10077  # maximum bytes exceeded


@pytest.fixture
def nats():
    with running(NatsServer()) as server:
        yield server


@pytest.fixture(scope="module")
def postgres():
    """A cluster of our own: these tests stop it."""
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture
def database(postgres):
    return postgres.new_database()


def stream_state(nats, stream=FACEBOOK):
    with nats.client() as client:
        return client.stream_state(stream)


def padded(count, size=2000):
    return [facebook_event(**{"data.note": "x" * size}) for _ in range(count)]


def publish(publisher, events, per_message=20):
    """As the gateway does when it is refused: sends it again until there is room."""
    for i in range(0, len(events), per_message):
        part = events[i:i + per_message]

        def sent(part=part):
            try:
                return publisher.send(part)
            except JetStreamError as error:
                assert error.err_code == STREAM_FULL, error
                return None

        wait_for(sent, 60, "room in the stream")


def stored(database, source="facebook"):
    return database.value("SELECT count(*) FROM processed_events WHERE source = %s", (source,))


def check_exact(database, ids):
    """Each of these once everywhere, and the ledger with its totals adds up."""
    assert sorted(row[0] for row in database.query("SELECT event_id FROM processed_events")) == sorted(ids)
    assert database.value("SELECT count(*) FROM event_keys") == len(ids)
    rows = database.query("SELECT events, stored + duplicates + dead + expired, stored FROM ledger"
                          " UNION ALL SELECT events, stored + duplicates + dead + expired, stored FROM ledger_totals")
    assert all(row[0] == row[1] for row in rows) and sum(row[2] for row in rows) == len(ids)


def log_events(role, name):
    return [line for line in role.log_lines() if line["event"] == name]


def test_intake_resumes_by_itself_after_a_full_stream(start_role, nats, database):
    gateway = start_role("gateway", env=SMALL).wait_ready()
    accepted = []

    def post(count=20):
        events = padded(count)
        answer = gateway.post("/webhook/events", events)
        if answer.status_code == 200:
            accepted.extend(e["eventId"] for e in events)
        else:
            assert answer.status_code == 503 and answer.json()["code"] == "stream_full", answer.text
        return answer.status_code

    wait_for(lambda: post() == 503, 60, "the stream to be full")
    first = len(accepted)
    assert first >= 500
    assert stream_state(nats)["first_seq"] == 1, "something unprocessed was discarded"
    collector = start_role("fb-collector", env=SMALL).wait_ready()
    wait_for(lambda: post() == 200, 30, "the gateway to take events again")
    while len(accepted) < 4 * first:
        wait_for(lambda: post() == 200, 30, "the gateway to take events again")
    wait_for(lambda: stored(database) == len(accepted) and drained(nats), 60, "all of them to be stored")
    check_exact(database, accepted)
    wait_for(lambda: stream_state(nats)["bytes"] < 0.7 * 2 * 2**20, 20, "the stream to be trimmed")
    assert metric(collector, "fb_collector_messages_seen_total") == 0, "redelivered for nothing"
    assert metric(collector, "fb_collector_stream_trimmed_messages_total") > 0
    wait_for(lambda: metric(collector, "fb_collector_stream_oldest_seconds") > 0, what="the gauge")
    line = log_events(collector, "stream.trimmed")[0]
    assert line["because"] == "size" and line["stream"] == FACEBOOK and line["messages"] > 0


def test_no_trim_above_what_any_consumer_has_acked(start_role, nats, database):
    role = start_role("fb-collector", env=SMALL).wait_ready()
    with nats.client() as client:
        client.api(f"CONSUMER.DURABLE.CREATE.{FACEBOOK}.slow", {"stream_name": FACEBOOK, "config": {
            "durable_name": "slow", "ack_policy": "explicit", "deliver_policy": "all"}})
    events = padded(780)
    with Publisher(nats) as publisher:
        publish(publisher, events)
    wait_for(lambda: stored(database) == len(events) and drained(nats), 30, "all of them to be stored")
    line = wait_for(lambda: log_events(role, "stream.held"), 20, "the word that a consumer holds the stream")[0]
    assert line["consumer"] == "slow" and line["bytes"] > 0.7 * line["maxBytes"]
    assert stream_state(nats)["first_seq"] == 1

    def ack(count):
        with nats.client() as client:
            inbox = client.inbox + ".pull"
            client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{FACEBOOK}.slow", f'{{"batch":{count}}}', reply=inbox)
            for _ in range(count):
                client.publish(client._next_message().reply, "+ACK")
            client.request("$JS.API.INFO")

    ack(5)
    wait_for(lambda: stream_state(nats)["first_seq"] == 6, 20, "the stream to be trimmed as far as it was acked")
    ack(20)
    state = wait_for(lambda: (s := stream_state(nats))["bytes"] < 0.7 * 2 * 2**20 and s, 20, "the rest")
    assert 6 < state["first_seq"] <= 26
    assert len(log_events(role, "stream.held")) <= 4, "not said with every look"
    check_exact(database, [e["eventId"] for e in events])


def test_messages_older_than_the_replay_window_leave(start_role, nats, database):
    role = start_role("fb-collector", env={"REPLAY_WINDOW": "2s", "UPKEEP_INTERVAL": "200ms"}).wait_ready()
    events = [facebook_event() for _ in range(60)]
    with Publisher(nats) as publisher:
        publish(publisher, events[:40])
        wait_for(lambda: stream_state(nats)["first_seq"] == 3, 20, "two messages to leave")
        assert log_events(role, "stream.trimmed")[-1]["because"] == "age"
        role.terminate()
        seq = publisher.send(events[40:])
        before = stream_state(nats)
        role.start()  # what it has not processed is as old by then, and stays until it has
        wait_for(lambda: stream_state(nats)["first_seq"] == seq + 1, 20, "the last one to leave")
    assert before["first_seq"] == seq
    check_exact(database, [e["eventId"] for e in events])


@pytest.mark.parametrize("killed", ["nobody", "nats-server", "collectors"])
def test_trimmed_under_load_with_several_collectors(start_role, nats, database, killed):
    """Both sources, two instances each; the load is several times what a stream holds. Whoever is killed, is so just
    when messages left the stream."""
    roles = [start_role(SOURCES[source][0], env=SMALL).wait_ready() for source in SOURCES for _ in range(2)]
    made = {"facebook": padded(3000, 1500),
            "tiktok": [tiktok_event(**{"data.note": "x" * 1500}) for _ in range(3000)]}
    failures = []

    def load(source):
        events = made[source]
        for i in range(0, len(events), 20):
            part = events[i:i + 20]

            def sent(part=part):
                with Publisher(nats, source) as publisher:
                    return publisher.send(part)

            try:
                wait_for(sent, 90, "a message to be taken")
            except AssertionError as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=load, args=(source,)) for source in made]
    for thread in threads:
        thread.start()
    for i in range(0 if killed == "nobody" else 6):
        before = len(trims(roles))
        wait_for(lambda: len(trims(roles)) > before or not any(t.is_alive() for t in threads),  # noqa: B023
                 60, "a trim")
        victim = nats if killed == "nats-server" else roles[i % len(roles)]
        victim.kill9()
        victim.start()
    for thread in threads:
        thread.join()
    assert not failures
    for source, events in made.items():
        wait_for(lambda: stored(database, source) == len(events) and drained(nats, source),  # noqa: B023
                 60, f"all of {source}")
        last = stream_state(nats, SOURCES[source][1])
        assert last["first_seq"] > 1 and last["bytes"] < 2 * 2**20
    check_exact(database, [e["eventId"] for events in made.values() for e in events])
    if killed == "nobody":
        assert sum(metric(role, f"{SOURCES[s][2]}_messages_seen_total") for role in roles for s in SOURCES) == 0
        assert consumer_state(nats)["num_redelivered"] == 0
        # Every message leaves once: no instance trims what another has trimmed already.
        for source in SOURCES:
            gone = sum(metric(role, f"{SOURCES[source][2]}_stream_trimmed_messages_total") for role in roles)
            assert gone == stream_state(nats, SOURCES[source][1])["first_seq"] - 1


def trims(roles):
    return [line for role in roles for line in log_events(role, "stream.trimmed")]


def test_trimmed_while_the_database_is_away(start_role, nats, postgres, database):
    """The room of what is processed is needed most when nothing more is."""
    role = start_role("fb-collector", env=SMALL).wait_ready()
    events = padded(900)
    with Publisher(nats) as publisher:
        publish(publisher, events[:600])
        wait_for(lambda: stored(database) == 600 and drained(nats), 30, "the first to be stored")
        postgres.kill9()
        try:
            publish(publisher, events[600:])
            state = wait_for(lambda: (s := stream_state(nats))["first_seq"] > 1 and s, 30, "the stream to be trimmed")
            assert state["first_seq"] <= consumer_state(nats)["ack_floor"]["stream_seq"] + 1
        finally:
            postgres.start()
    wait_for(lambda: stored(database) == 900 and drained(nats), 60, "the rest to be stored")
    check_exact(database, [e["eventId"] for e in events])
    assert role.returncode is None


def test_ledger_is_pruned_into_its_totals(start_role, nats, database):
    env = {"REPLAY_WINDOW": "1s", "UPKEEP_INTERVAL": "200ms"}
    roles = [start_role("fb-collector", env=env).wait_ready() for _ in range(2)]
    events = [facebook_event() for _ in range(100)]
    with Publisher(nats) as publisher:
        publish(publisher, events, per_message=10)
        wait_for(lambda: stream_state(nats)["messages"] == 0, 20, "the messages to leave the stream")
        assert database.value("SELECT count(*) FROM ledger") == 10
        database.query("UPDATE ledger SET processed_at = processed_at - interval '2 days' WHERE seq <= 7")
        wait_for(lambda: database.value("SELECT count(*) FROM ledger") == 3, 20, "old rows to be pruned")
        assert database.query("SELECT stream, messages, events, stored, through_seq FROM ledger_totals") == [
            (FACEBOOK, 7, 70, 70, 7)]
        # The stream is made again; what is left of the old one goes by its age.
        with nats.client() as client:
            client.api(f"STREAM.DELETE.{FACEBOOK}")
        more = [facebook_event() for _ in range(20)]
        wait_for(lambda: stream_state(nats)["last_seq"] == 0, 20, "the stream to be made again")
        publish(publisher, more)
    wait_for(lambda: stored(database) == 120, 20, "the events to be stored")
    database.query("UPDATE ledger SET processed_at = processed_at - interval '2 days',"
                   " stored_at = stored_at - 172800000000000 WHERE seq >= 8")
    wait_for(lambda: database.value("SELECT messages FROM ledger_totals") == 10, 20, "the others to be pruned")
    check_exact(database, [e["eventId"] for e in events + more])
    assert sum(metric(role, "fb_collector_ledger_pruned_rows_total") for role in roles) == 10


def midnight(days_ago=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - datetime.timedelta(days=days_ago)


def test_retention_under_load_with_late_events(start_role, nats, database):
    """Case 43: days are dropped while events of all days, these included, keep coming."""
    env = {"STREAM_MAX_BYTES": "2M", "UPKEEP_INTERVAL": "200ms", "ACK_WAIT": "5s", "BATCH_MAX_EVENTS": 200}
    roles = [start_role(SOURCES[source][0], env=env).wait_ready() for source in SOURCES for _ in range(2)]
    rng = random.Random(43)
    events = [random_event(rng, users=50, span_hours=5 * 24) for _ in range(6000)]
    sources = {s: [e for e in events if e["source"] == s] for s in SOURCES}

    def load(part):
        for source, made in sources.items():
            with Publisher(nats, source) as publisher:
                publish(publisher, made[part * len(made) // 3:(part + 1) * len(made) // 3])

    load(0)
    wait_for(lambda: all(drained(nats, s) for s in SOURCES), 60, "the first third")
    assert database.value("SELECT count(*) FROM dropped_events") == 0
    boundary = midnight(2)
    thread = threading.Thread(target=load, args=(1,))
    thread.start()
    for role in roles:
        role.terminate()
        role.env["RETENTION_DAYS"] = "2"
        role.start()
    wait_for(lambda: database.value("SELECT retained_from FROM retention") == boundary, 30, "the boundary to move")
    load(2)
    thread.join()
    for role in roles:
        role.wait_ready()
    wait_for(lambda: all(drained(nats, s) for s in SOURCES), 60, "the rest")
    assert midnight(2) == boundary, "run at midnight: run it again"

    kept = {(e["source"], e["eventId"]) for e in events if e["timestamp"] >= timestamp(boundary)}
    old = len(events) - len(kept)
    assert old > 1000 and len(kept) > 1000
    assert database.value("SELECT retained_from FROM retention") == boundary
    wait_for(lambda: database.value("SELECT min(timestamp) FROM processed_events") >= boundary, 30, "the days to go")
    assert set(database.query("SELECT source, event_id FROM processed_events")) == kept
    wait_for(lambda: database.value("SELECT count(*) FROM pg_class WHERE relname ~ '^processed_events_[0-9]{8}$'") <= 4,
             20, "the partitions to be dropped")
    assert database.value("SELECT count(*) FROM revenue_transactions WHERE timestamp < %s", (boundary,)) == 0
    for source in SOURCES:
        mine = sum(1 for s, _ in kept if s == source)
        accepted, total, expired = database.query(
            "SELECT sum(events), sum(stored), sum(expired) FROM ledger WHERE stream = %s", (SOURCES[source][1],))[0]
        dropped = database.value("SELECT sum(events) FROM dropped_events WHERE source = %s", (source,))
        assert accepted == len(sources[source]) == total + expired
        assert total == mine + dropped and expired > 0 and dropped > 0
    reporter = start_role("reporter").wait_ready()
    for start in ({}, {"from": timestamp(midnight(4))}, {"from": timestamp(boundary)}):
        data = reporter.get("/reports/events", params=start).json()["data"]
        assert data["totalEvents"] == len(kept)
        assert data.get("retainedFrom") == (None if start.get("from") == timestamp(boundary) else
                                            boundary.strftime("%Y-%m-%dT00:00:00.000Z"))
    assert all(role.returncode is None for role in roles)
    assert sum(metric(role, f"{SOURCES[s][2]}_retention_dropped_events_total") for role in roles for s in SOURCES) > 0


def test_a_slow_reader_delays_retention_and_nothing_else(start_role, nats, database):
    env = {"RETENTION_DAYS": 1, "UPKEEP_INTERVAL": "200ms"}
    role = start_role("fb-collector", env={"UPKEEP_INTERVAL": "200ms"}).wait_ready()
    old = [facebook_checkout(timestamp=timestamp(midnight(5))) for _ in range(10)]
    with Publisher(nats) as publisher:
        publisher.send(old)
        wait_for(lambda: stored(database) == 10, 20, "the old ones to be stored")
        role.terminate()
        reader = psycopg2.connect(database.url)
        try:
            with reader.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM processed_events")
                role = start_role("fb-collector", env=env).wait_ready()
                wait_for(lambda: database.value("SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1,
                         20, "the day to be waiting for its reader")
                new = [facebook_event() for _ in range(10)]
                publisher.send(new)
                wait_for(lambda: database.value("SELECT count(*) FROM processed_events WHERE event_id = ANY(%s)",
                                                ([e["eventId"] for e in new],)) == 10, 20, "new ones to be stored")
            # Told to stop in the middle of it.
            assert role.terminate(15) == 0
            role.start()
            reader.rollback()
        finally:
            reader.close()
    wait_for(lambda: database.query("SELECT event_day, source, events FROM dropped_events") ==
             [(midnight(5).date(), "facebook", 10)], 30, "the day to be dropped")
    assert {e["eventId"] for e in new} == {r[0] for r in database.query("SELECT event_id FROM processed_events")}


def test_what_became_of_old_requests_is_forgotten(start_role, nats, database):
    start_role("fb-collector", env={"UPKEEP_INTERVAL": "200ms"}).wait_ready()
    database.execute("INSERT INTO request_outcomes SELECT now(), now() - i * interval '1 day' + interval '1 hour', i, i, 1, 1,"
                     " 0, 0, 0, 0, 1, 0, 'S', 'c' FROM generate_series(5, 9) i")
    wait_for(lambda: database.query("SELECT seq FROM request_outcomes ORDER BY seq") == [(5,), (6,), (7,)], 20,
             "the old ones to go")


def test_old_samples_are_deleted(start_role, nats, database):
    role = start_role("fb-collector", env={"METRICS_DAYS": 2, "UPKEEP_INTERVAL": "200ms"}).wait_ready()
    database.query("INSERT INTO event_metrics SELECT now() - i * interval '1 day', i, 's', 'i', 'm'"
                   " FROM generate_series(1, 5) i")
    wait_for(lambda: database.query("SELECT value FROM event_metrics WHERE service = 's'") == [(1.0,)], 20,
             "the old ones to go")
    role.signal(signal.SIGTERM)


@contextlib.contextmanager
def frozen_copy(url):
    """A client that has locked the register of keys and then says no more."""
    with subprocess.Popen(["psql", "-qX", url], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          env=os.environ | {"PGAPPNAME": "sluice fb-collector 1"}) as client:
        try:
            client.stdin.write("BEGIN; LOCK TABLE event_keys IN EXCLUSIVE MODE;\nCOPY event_keys FROM STDIN;\n")
            client.stdin.flush()
            with contextlib.closing(psycopg2.connect(url)) as connection:
                connection.autocommit = True
                cursor = connection.cursor()

                def is_copying():
                    cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY event_keys%'"
                                   " AND wait_event = 'ClientRead' AND state = 'active')")
                    return cursor.fetchone()[0]

                wait_for(is_copying, 30, "the COPY")
            yield client
        finally:
            client.kill()

def test_a_frozen_writer_does_not_keep_others_waiting(nats, database, start_role):
    """In the middle of a COPY none of PostgreSQL's own timeouts ends it, and its machine still answers."""
    collector = start_role("fb-collector").wait_ready()
    with frozen_copy(database.url) as frozen, Publisher(nats) as publisher:
        publisher.send([facebook_event()])
        wait_for(lambda: database.value("SELECT count(*) FROM processed_events") == 1, 60, "what waits to be stored")
        assert frozen.poll() is None, "it never noticed anything"
        assert "upkeep.frozen" in [line["event"] for line in collector.log_lines()]
