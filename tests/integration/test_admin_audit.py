"""sluice audit: nothing to say where all is right, also under load; what is falsified is found and named."""
import random
import threading

import pytest

from harness.admin import audit, of_source, run
from harness.collector import SOURCES, Publisher, drained
from harness.events import random_event, tiktok_event
from harness.wait import wait_for

MESSAGES = 30
PER_MESSAGE = 10


def events_of(source, rng, count, users=40):
    found = []
    while len(found) < count:
        event = random_event(rng, users=users)
        if event["source"] == source:
            found.append(event)
    return found


@pytest.fixture(scope="module")
def filled(nats, database, tmp_path_factory):
    """Both sources with events, duplicates, a conflict and dead letters; the collectors have stopped."""
    from harness.roles import Role

    rng = random.Random(5)
    folder = str(tmp_path_factory.mktemp("roles"))
    roles = [Role(SOURCES[s][0], folder, {"NATS_URL": nats.url, "DATABASE_URL": database.url}) for s in SOURCES]
    try:
        for role in roles:
            role.wait_ready()
        for source in SOURCES:
            events = events_of(source, rng, MESSAGES * PER_MESSAGE)
            with Publisher(nats, source) as publisher:
                publisher.send_in_messages(events, PER_MESSAGE, correlation=f"load-{source}")
                publisher.send(events[:7], correlation="again")
                publisher.send([{**events[8], "extra": 1}], correlation="conflict")
                publisher.send([events[9], {**events[9], "eventId": 5}], correlation="one-is-dead")
            wait_for(lambda s=source: drained(nats, s), 60, f"the {source} events to be stored")
    finally:
        for role in roles:
            role.terminate()
    return database


@pytest.fixture
def tables(filled):
    """The tables, put back afterwards as they were."""
    names = ["event_keys", "processed_events", "revenue_transactions", "user_demographics", "ledger", "ledger_totals"]
    for name in names:
        filled.execute(f"CREATE TABLE saved_{name} AS TABLE {name}")
    yield filled
    for name in names:
        filled.execute(f"TRUNCATE {name}; INSERT INTO {name} TABLE saved_{name}; DROP TABLE saved_{name}")


def named(result, what):
    found = [d for d in result["differences"] if d["what"] == what]
    assert len(found) == 1, result["differences"]
    return found[0]


def test_all_is_accounted_for(filled, nats):
    result = audit(nats, filled)
    assert result["ok"]
    for source in SOURCES:
        account = of_source(result, source)
        assert account["accepted"] == {"messages": MESSAGES + 3, "events": MESSAGES * PER_MESSAGE + 10}
        assert account["inStream"] == account["accepted"]
        assert account["stored"] == account["eventRows"] == MESSAGES * PER_MESSAGE
        assert account["duplicates"] == 9 and account["conflicts"] == 1
        assert account["deadLettered"] == account["deadMessages"] == account["deadMessagesWithLetters"] == 1
        assert account["inFlight"]["messages"] == account["unaccounted"]["messages"] == 0
        assert account["addsUp"]
    assert result["keys"] == 2 * MESSAGES * PER_MESSAGE
    text = run(nats, filled, "audit")
    assert text.status == 0 and text.err == "" and "OK: every accepted event is accounted for" in text.out


def test_one_source_and_quick(filled, nats):
    result = audit(nats, filled, "--source", "tiktok", "--quick")
    assert result["ok"] and [s["source"] for s in result["sources"]] == ["tiktok"]
    assert "eventRows" not in result["sources"][0] and "keys" not in result


@pytest.mark.parametrize("damage,what,source,name", [
    ("DELETE FROM processed_events WHERE event_id = %(id)s", "keys without their event row", None, ""),
    ("DELETE FROM processed_events WHERE event_id = %(id)s", "event rows are not as many as the ledger stored",
     "facebook", "the ledger stored 300, there are 299 rows"),
    ("DELETE FROM event_keys WHERE event_key = %(key)s", "event rows without their key, or with one of another day",
     None, "%(id)s"),
    ("DELETE FROM event_keys WHERE event_key = %(key)s", "keys are not as many as the ledger stored", None, ""),
    ("INSERT INTO processed_events SELECT * FROM processed_events WHERE event_id = %(id)s",
     "events that are stored more than once", None, "%(key)s"),
    ("UPDATE revenue_transactions SET amount = amount + 0.01 WHERE event_id = %(revenue)s",
     "revenue rows that are not what the events say, missing ones included", None, "%(revenue)s"),
    ("DELETE FROM user_demographics WHERE user_id = %(user)s",
     "users whose first and last event are not what the events say, missing users included", None, "%(user)s"),
    ("UPDATE user_demographics SET country = 'Nowhere' WHERE user_id = %(user)s",
     "users whose country is not that of their newest event with one", None, "%(user)s"),
    ("DELETE FROM ledger WHERE stream = 'FACEBOOK_EVENTS' AND seq = 5",
     "messages that are acked and not in the ledger", "facebook", "FACEBOOK_EVENTS sequence 5,"),
    ("DELETE FROM ledger WHERE stream = 'FACEBOOK_EVENTS' AND seq = 5",
     "messages that are acked and not in the ledger", "facebook", "10 events, correlation id load-facebook"),
    ("UPDATE ledger SET stored_at = stored_at + 1 WHERE stream = 'FACEBOOK_EVENTS' AND seq = 5",
     "messages that are acked and not in the ledger", "facebook", "FACEBOOK_EVENTS sequence 5,"),
    ("UPDATE ledger SET stored = stored + 1 WHERE stream = 'FACEBOOK_EVENTS' AND seq = 6",
     "ledger rows that do not add up", "facebook", "FACEBOOK_EVENTS sequence 6,"),
    ("UPDATE ledger SET stored = stored + 1, events = events + 1 WHERE stream = 'FACEBOOK_EVENTS' AND seq = 6",
     "ledger rows that count other events than their message", "facebook", "11 events, the message says 10"),
    ("UPDATE ledger SET stored = stored - 1, duplicates = duplicates + 1 WHERE stream = 'FACEBOOK_EVENTS' AND seq = 6",
     "event rows are not as many as the ledger stored", "facebook", "the ledger stored 299, there are 300 rows"),
    ("INSERT INTO ledger SELECT 1000000, stored_at, processed_at, 1, 1, 0, 0, 0, 0, stream FROM ledger"
     " WHERE stream = 'FACEBOOK_EVENTS' AND seq = 6",
     "event rows are not as many as the ledger stored", "facebook", "the ledger stored 301, there are 300 rows"),
])
def test_what_is_falsified_is_named(tables, nats, damage, what, source, name):
    event_id, key, user = tables.query(
        "SELECT event_id, event_key, user_id FROM processed_events WHERE source = 'facebook' ORDER BY event_key LIMIT 1")[0]
    revenue = tables.value("SELECT event_id FROM revenue_transactions ORDER BY event_key LIMIT 1")
    words = {"id": event_id, "key": key, "user": user, "revenue": revenue}
    tables.execute(damage, words)
    found = named(audit(nats, tables), what)
    assert found["source"] == source and found["count"] == 1 and name % words in found["named"][0], found


def test_many_are_counted_and_some_named(tables, nats):
    tables.execute("DELETE FROM ledger WHERE stream = 'TIKTOK_EVENTS'")
    result = audit(nats, tables)
    found = named(result, "messages that are acked and not in the ledger")
    assert found["count"] == MESSAGES + 3 and len(found["named"]) == 20
    account = of_source(result, "tiktok")
    assert account["unaccounted"] == account["accepted"] and not account["addsUp"]
    assert of_source(result, "facebook")["addsUp"]


def test_rows_that_left_the_stream_still_count(tables, nats):
    """Pruned rows are in the totals; a stream that is trimmed leaves its rows."""
    tables.execute(
        "WITH gone AS (DELETE FROM ledger WHERE stream = 'FACEBOOK_EVENTS' AND seq <= 10 RETURNING *)"
        " INSERT INTO ledger_totals (stream, messages, events, stored, duplicates, conflicts, dead, expired,"
        " through_seq, through_time) SELECT 'FACEBOOK_EVENTS', count(*), sum(events), sum(stored), sum(duplicates),"
        " sum(conflicts), sum(dead), sum(expired), max(seq), max(stored_at) FROM gone")
    with nats.client() as client:
        before = client.stream_state("FACEBOOK_EVENTS")
        client.api("STREAM.PURGE.FACEBOOK_EVENTS", {"seq": 16})
    result = audit(nats, tables)
    account = of_source(result, "facebook")
    assert result["ok"] and account["addsUp"]
    assert account["accepted"] == {"messages": before["messages"], "events": MESSAGES * PER_MESSAGE + 10}
    assert account["inStream"]["messages"] == before["messages"] - 15


def test_a_stream_without_collector_is_in_flight(nats, start_role, postgres):
    database = postgres.new_database()
    assert run(nats, database, "migrate").status == 0
    with nats.client() as client:
        client.api("STREAM.PURGE.TIKTOK_EVENTS")
        client.api("CONSUMER.DELETE.TIKTOK_EVENTS.ttk-collector")
    with Publisher(nats, "tiktok") as publisher:
        publisher.send([tiktok_event() for _ in range(4)])
    result = audit(nats, database, "--source", "tiktok")
    assert result["ok"] and result["sources"][0]["inFlight"] == {"messages": 1, "events": 4}
    assert "consumer does not exist" in run(nats, database, "audit", "--source", "tiktok").out


def test_what_cannot_be_done_is_said(nats, postgres, database):
    assert run(nats, database, "audit", "--source", "myspace").status == 2
    empty = postgres.new_database()
    command = run(nats, empty, "audit")
    assert command.status == 2 and "sluice migrate" in command.err and command.out == ""

    class Nowhere:
        url = "nats://127.0.0.1:1"

    command = run(Nowhere(), database, "audit")
    assert command.status == 2 and "NATS server does not answer" in command.err


class Load:
    """Publishes to both streams until it is told to stop."""

    def __init__(self, nats):
        self.stopping = threading.Event()
        self.sent = {source: 0 for source in SOURCES}
        self.threads = [threading.Thread(target=self.publish, args=(nats, source)) for source in SOURCES]

    def publish(self, nats, source):
        rng = random.Random(source)
        with Publisher(nats, source) as publisher:
            while not self.stopping.is_set():
                events = events_of(source, rng, 20)
                publisher.send(events + events[:2] + [{**events[3], "timestamp": "never"}])
                self.sent[source] += len(events) + 3

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def test_no_false_alarm_under_load(other_nats, start_role, postgres):
    """Audits while both collectors store, one of them is killed now and then, and messages are redelivered."""
    nats, database = other_nats, postgres.new_database()
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url, "BATCH_MAX_EVENTS": "100", "WRITERS": "2", "ACK_WAIT": "1s"}
    roles = [start_role(SOURCES[s][0], env=env) for s in SOURCES]
    for role in roles:
        role.wait_ready()
    with Load(nats) as load:
        for turn in range(24):
            seen = dict(load.sent)
            result = audit(nats, database, *(["--quick"] if turn % 8 else []))
            assert result["ok"], result["differences"]
            for source in SOURCES:
                account = of_source(result, source)
                assert account["addsUp"] and account["unaccounted"]["messages"] == 0
                assert account["accepted"]["events"] >= seen[source]
            if turn % 10 == 5:
                roles[turn // 10 % 2].kill9()
                roles[turn // 10 % 2].start()
    for source in SOURCES:
        wait_for(lambda s=source: drained(nats, s), 120, f"the {source} events to be stored")
    result = audit(nats, database)
    assert result["ok"]
    for source in SOURCES:
        account = of_source(result, source)
        assert account["accepted"]["events"] == load.sent[source] and account["inFlight"]["messages"] == 0
