"""sluice replay: what the tables have lost comes back exactly, what is right stays, whatever happens meanwhile."""
import random
import signal
import subprocess
import time

import psycopg2
import pytest

from harness.binary import sluice_binary
from harness.admin import audit, environment, of_source, run
from harness.collector import SOURCES, Publisher, drained
from harness.events import facebook_event, random_event, timestamp
from harness.roles import Role
from harness.rollup_recount import assert_rollups_are_right
from harness.servers import Database
from harness.wait import wait_for

TABLES = ["event_keys", "processed_events", "revenue_transactions", "user_demographics", "ledger"]
ROLLUPS = ["event_counts", "revenue_totals", "cube_totals", "cube_deltas", "user_activity", "user_attributes"]
MESSAGES = 60
PER_MESSAGE = 10


def events_of(source, rng, count):
    found = []
    while len(found) < count:
        event = random_event(rng, users=40)
        if event["source"] == source:
            found.append(event)
    return found


def wait_drained(nats, seconds=60):
    for source in SOURCES:
        wait_for(lambda s=source: drained(nats, s), seconds, f"the {source} events to be stored")


@pytest.fixture(scope="module")
def filled(nats, database, tmp_path_factory):
    """Both sources with events, duplicates in other requests, conflicts and dead letters; then the collectors stop.
    A duplicate window that is over, so that nothing relies on it."""
    rng = random.Random(11)
    folder = str(tmp_path_factory.mktemp("roles"))
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url, "DUPLICATE_WINDOW": "100ms"}
    roles = [Role(SOURCES[s][0], folder, env) for s in SOURCES]
    try:
        for role in roles:
            role.wait_ready()
        for source in SOURCES:
            events = events_of(source, rng, MESSAGES * PER_MESSAGE)
            with Publisher(nats, source) as publisher:
                publisher.send_in_messages(events, PER_MESSAGE, correlation=f"load-{source}")
                publisher.send(events[:7] + [events[0]], correlation="again")
                publisher.send([{**events[8], "extra": 1}], correlation="conflict")
                publisher.send([events[9], {**events[9], "eventId": 5}, "{}"], correlation="two-are-dead")
        wait_drained(nats)
    finally:
        for role in roles:
            role.terminate()
    return database


@pytest.fixture
def tables(filled):
    for name in TABLES + ROLLUPS:
        filled.execute(f"CREATE TABLE saved_{name} AS TABLE {name}")
    yield filled
    for name in TABLES + ROLLUPS:
        filled.execute(f"TRUNCATE {name}; INSERT INTO {name} TABLE saved_{name}; DROP TABLE saved_{name}")


def fingerprint(database):
    """All that the tables hold, without the times of storing and the numbers of users."""
    return {name: database.value(
        f"SELECT md5(string_agg(row, '' ORDER BY row)) FROM"
        f" (SELECT (to_jsonb(t) - 'processed_at' - 'stored_day' - 'user_no')::text AS row FROM {name} t) x") for name in TABLES}


def replay(nats, database, *flags):
    command = run(nats, database, "replay", *flags)
    assert command.status == 0, command.err
    return command.out


def dead_letters_count(nats):
    with nats.client() as client:
        return client.stream_state("EVENTS_DLQ")["messages"]


def test_a_look_changes_nothing(tables, nats):
    tables.execute("DELETE FROM ledger WHERE seq <= 3; DELETE FROM processed_events WHERE source = 'tiktok'")
    before = fingerprint(tables)
    out = replay(nats, tables)
    assert "nothing was changed; add --yes to do it" in out
    assert f"facebook (FACEBOOK_EVENTS): {MESSAGES + 3} messages with {MESSAGES * PER_MESSAGE + 12} events" in out
    assert "3 of them (30 events) are acked and not in the ledger" in out
    assert f"keys without their event row: {MESSAGES * PER_MESSAGE}" in out
    assert fingerprint(tables) == before


DAMAGES = [
    ("nothing", "SELECT 1"),
    ("event rows", "DELETE FROM processed_events WHERE get_byte(uuid_send(event_key), 2) % 3 = 0"),
    ("all event rows", "DELETE FROM processed_events"),
    ("event rows and what derives from them",
     "DELETE FROM processed_events WHERE user_id LIKE '%%1'; DELETE FROM revenue_transactions WHERE user_id LIKE '%%1';"
     " DELETE FROM user_demographics WHERE user_id LIKE '%%1'"),
    ("keys", "DELETE FROM event_keys WHERE get_byte(uuid_send(event_key), 2) % 3 = 0"),
    ("some ledger rows", "DELETE FROM ledger WHERE seq % 4 = 1"),
    ("the ledger", "DELETE FROM ledger"),
    ("all, as after a failover to an empty standby", "TRUNCATE " + ", ".join(TABLES + ROLLUPS)),
]


@pytest.mark.parametrize("damage", [sql for _, sql in DAMAGES], ids=[name for name, _ in DAMAGES])
def test_what_was_lost_comes_back_exactly(tables, nats, damage):
    before, letters = fingerprint(tables), dead_letters_count(nats)
    tables.execute(damage.replace("%%", "%") if "%%" in damage else damage)
    assert damage == "SELECT 1" or not audit(nats, tables)["ok"]
    replay(nats, tables, "--yes")
    assert fingerprint(tables) == before
    assert audit(nats, tables)["ok"]
    out = replay(nats, tables, "--yes")
    assert fingerprint(tables) == before and dead_letters_count(nats) == letters
    if "DELETE FROM user_demographics" not in damage:  # bitmaps go with a user's row
        assert_rollups_are_right(tables)
    for source in SOURCES:
        assert f"{source}: replayed {MESSAGES + 3} messages" in out
    assert "0 event rows restored, 0 keys restored, 0 events restored" in out
    assert "messages entered into the ledger: 0" in out


def test_the_tail_of_a_database_that_failed_over(other_nats, postgres, start_role):
    """The transactions of the last messages are lost, as with an asynchronous standby; collectors go on."""
    rng = random.Random(12)
    database = postgres.new_database()
    nats = other_nats
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url, "BATCH_MAX_EVENTS": "50"}
    roles = {s: start_role(SOURCES[s][0], env=env).wait_ready() for s in SOURCES}
    events = {s: events_of(s, rng, 400) for s in SOURCES}
    for source in SOURCES:
        with Publisher(nats, source) as publisher:
            publisher.send_in_messages(events[source][:200], 10, correlation="first-half")
    wait_drained(nats)
    standby = f"{database.name}_standby"
    for role in roles.values():
        role.terminate()
    postgres.execute("postgres", f"CREATE DATABASE {standby} TEMPLATE {database.name}")
    for role in roles.values():
        role.start()
        role.wait_ready()
    for source in SOURCES:
        with Publisher(nats, source) as publisher:
            publisher.send_in_messages(events[source][150:300] + [b'{"eventId": 7}'], 10, correlation="lost")
    wait_drained(nats)
    letters = dead_letters_count(nats)
    for role in roles.values():
        role.terminate()
        role.env["DATABASE_URL"] = postgres.url_of(standby)
        role.start()
        role.wait_ready()
    database = Database(postgres, standby)
    for source in SOURCES:  # some of what was lost comes again, from publishers
        with Publisher(nats, source) as publisher:
            publisher.send_in_messages(events[source][250:400], 10, correlation="after")
    wait_drained(nats)
    result = audit(nats, database)
    for source in SOURCES:
        assert of_source(result, source)["unaccounted"] == {"messages": 16, "events": 151}
    replay(nats, database, "--yes")
    result = audit(nats, database)
    assert result["ok"], result["differences"]
    for source in SOURCES:
        account = of_source(result, source)
        assert account["stored"] == 400 and account["duplicates"] == 100 and account["deadLettered"] == 1
        ids = [row[0] for row in database.query("SELECT event_id FROM processed_events WHERE source = %s", (source,))]
        assert sorted(ids) == sorted(e["eventId"] for e in events[source])
    assert dead_letters_count(nats) == letters


def test_only_what_was_asked_for(other_nats, postgres, start_role):
    nats, database = other_nats, postgres.new_database()
    fb = start_role("fb-collector", env={"NATS_URL": nats.url, "DATABASE_URL": database.url}).wait_ready()
    early, late = [facebook_event() for _ in range(5)], [facebook_event() for _ in range(5)]
    with Publisher(nats) as publisher:
        first = publisher.send(early)
        wait_for(lambda: drained(nats), what="the first message to be stored")
        second = publisher.send(late)
    wait_for(lambda: drained(nats), what="the second message to be stored")
    fb.terminate()
    times = dict(database.query("SELECT seq, stored_at FROM ledger WHERE seq IN (%s, %s)", (first, second)))
    database.execute("DELETE FROM processed_events WHERE correlation_id = 'test'")

    def ids():
        return sorted(r[0] for r in database.query("SELECT event_id FROM processed_events"))

    # To the microsecond: the second message's own time is where it begins.
    cut = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(times[second] // 10**9)) + \
        f".{times[second] % 10**9 // 1000:06d}Z"
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(times[first] // 10**9)) + \
        f".{times[first] % 10**9 // 1000:06d}Z"
    replay(nats, database, "--source", "tiktok", "--yes")
    assert not ids()
    replay(nats, database, "--from", start, "--to", cut, "--source", "facebook", "--yes")
    assert ids() == sorted(e["eventId"] for e in early)
    replay(nats, database, "--from", "1h", "--yes")
    assert ids() == sorted(e["eventId"] for e in early + late)


def test_messages_in_flight_are_left_alone(tables, nats):
    before = fingerprint(tables)
    with Publisher(nats) as publisher:
        seq = publisher.send([facebook_event() for _ in range(3)], correlation="not-stored-yet")
    assert "1 of them are in flight and left to the collectors" in replay(nats, tables, "--yes")
    assert fingerprint(tables) == before
    with nats.client() as client:
        client.api("STREAM.MSG.DELETE.FACEBOOK_EVENTS", {"seq": seq})


def test_killed_half_way_and_run_again(tables, nats):
    before = fingerprint(tables)
    tables.execute("TRUNCATE " + ", ".join(TABLES + ROLLUPS))
    for turn in range(1, 4):
        env = {**environment(nats, tables), "SLUICE_FAILPOINT": f"replay.after_batch:{turn}"}
        done = subprocess.run([sluice_binary(), "replay", "--yes", "--batch", "100"], env=env, cwd="/",
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr)
        assert 0 < tables.value("SELECT count(*) FROM processed_events") < 2 * MESSAGES * PER_MESSAGE
    replay(nats, tables, "--yes")
    assert fingerprint(tables) == before and audit(nats, tables)["ok"]


def test_stopped_by_a_signal(tables, nats):
    before = fingerprint(tables)
    tables.execute("TRUNCATE " + ", ".join(TABLES + ROLLUPS))
    # A lock that the replay waits for, so that the signal comes while it is at work.
    with psycopg2.connect(tables.url) as connection:
        connection.cursor().execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
        child = subprocess.Popen([sluice_binary(), "replay", "--yes"], env=environment(nats, tables), cwd="/",
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_for(lambda: tables.value(waits), 30, "the replay to be at work")
        child.send_signal(signal.SIGTERM)
        connection.rollback()
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1 and "stopped before the end" in err
    assert "the same command again finishes it" in out
    replay(nats, tables, "--yes")
    assert fingerprint(tables) == before


def test_beside_collectors_and_another_replay(other_nats, postgres, start_role):
    """Two replays of damaged tables while both collectors store new events and the same ones again."""
    rng = random.Random(13)
    database = postgres.new_database()
    nats = other_nats
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url, "BATCH_MAX_EVENTS": "100", "WRITERS": "2"}
    for source in SOURCES:
        start_role(SOURCES[source][0], env=env).wait_ready()
    events = {s: events_of(s, rng, 1000) for s in SOURCES}
    publishers = {s: Publisher(nats, s) for s in SOURCES}
    for source in SOURCES:
        publishers[source].send_in_messages(events[source][:600], 10, correlation="before")
    wait_drained(nats)
    database.execute("DELETE FROM processed_events WHERE get_byte(uuid_send(event_key), 2) % 2 = 0")
    database.execute("DELETE FROM ledger WHERE seq % 5 = 0")
    argv = [sluice_binary(), "replay", "--yes", "--to", timestamp()]
    children = [subprocess.Popen(argv, env=environment(nats, database), cwd="/", stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for source in SOURCES:
        publishers[source].send_in_messages(events[source][300:], 10, correlation="meanwhile")
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    wait_drained(nats)
    for publisher in publishers.values():
        publisher.client.close()
    result = audit(nats, database)
    assert result["ok"], result["differences"]
    for source in SOURCES:
        assert of_source(result, source)["eventRows"] == 1000


@pytest.mark.parametrize("flags,words", [
    (["--from", "yesterday"], "--from=yesterday: takes a time"),
    (["--source", "myspace"], "--source=myspace: takes facebook or tiktok"),
    (["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "--from must be earlier"),
    (["--batch", "0"], "--batch=0: takes a number from 1"),
    (["--data", "/nonexistent"], "no stack runs in /nonexistent"),
])
def test_bad_flags(nats, database, flags, words):
    command = run(nats, database, "replay", *flags)
    assert command.status == 2 and words in command.err and command.out == ""
