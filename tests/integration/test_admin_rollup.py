"""sluice rollup: nothing to say where reports read what the events say; what is damaged is found, named and mended, also
under load."""
import contextlib
import random
import threading

import psycopg2
import pytest

from harness.admin import run
from harness.clusters import make_standby
from harness.collector import SOURCES, Publisher, drained
from harness.events import random_event
from harness.rollup_recount import assert_rollups_are_right
from harness.roles import Role
from harness.servers import Database, PostgresServer, running
from harness.wait import wait_for

DAYS = 3
ANY_ROW = "ctid = ANY (ARRAY(SELECT ctid FROM {0} ORDER BY random() LIMIT 7))"

# What is done to the tables, which rollup differs then.
DAMAGES = [
    ("UPDATE event_counts SET events = events + 3 WHERE grain = 15", "event_counts"),
    ("UPDATE event_counts SET earliest = earliest - interval '1 us', latest = latest + interval '1 s'", "event_counts"),
    ("UPDATE event_counts SET earliest = latest", "event_counts"),
    ("DELETE FROM event_counts WHERE grain = 1 AND " + ANY_ROW.format("event_counts"), "event_counts"),
    ("INSERT INTO event_counts SELECT bucket, earliest, latest, 5, grain, source, funnel_stage, 'made_up'"
     " FROM event_counts LIMIT 9 ON CONFLICT DO NOTHING", "event_counts"),
    ("DELETE FROM revenue_totals", "revenue_totals"),
    ("UPDATE revenue_totals SET amount = amount - 0.01, transactions = transactions + 1 WHERE grain = 1440",
     "revenue_totals"),
    ("INSERT INTO revenue_totals SELECT bucket, earliest, latest, 1, grain, source, 'XXX', 7 FROM revenue_totals",
     "revenue_totals"),
    ("UPDATE revenue_totals SET latest = latest + interval '1 us'", "revenue_totals"),
    ("SELECT merge_cube_deltas(); DELETE FROM cube_totals WHERE cube = 'revenue' AND grain = 60", "cube_totals"),
    ("INSERT INTO cube_deltas SELECT bucket, -events, cube, source, funnel_stage, event_type, campaign_id, country,"
     " device, currency, amount + 1 FROM cube_cells WHERE grain = 60 LIMIT 50", "cube_totals"),
    ("UPDATE cube_totals SET campaign_id = campaign_id || E'a\\nb' WHERE " + ANY_ROW.format("cube_totals"), "cube_totals"),
    ("SELECT merge_cube_deltas(); DELETE FROM cube_totals WHERE cube = 'campaign'", "cube_totals"),
    ("UPDATE cube_totals SET events = events + 1 WHERE cube = 'campaign_place'", "cube_totals"),
    ("UPDATE user_activity SET users = no_users() WHERE grain = 60", "user_activity"),
    ("UPDATE user_activity SET users = ~users", "user_activity"),
    ("UPDATE user_activity SET chunk = chunk + 3 WHERE grain = 1440", "user_activity"),
    ("DELETE FROM user_attributes WHERE attribute IN ('gender', 'country')", "user_attributes"),
    ("UPDATE user_attributes SET users = ~users", "user_attributes"),
    ("UPDATE user_attributes SET value = md5(random()::text) WHERE attribute = 'age_group' AND value = (SELECT min(value) FROM"
     " user_attributes WHERE attribute = 'age_group')", "user_attributes"),
    # As an older version stores a user.
    ("UPDATE user_demographics SET user_no = NULL, relist = true WHERE " + ANY_ROW.format("user_demographics"),
     "user_numbers"),
]
# Of numbers that collectors rely on: what they store with them is wrong as well.
DAMAGES_AT_REST = [
    ("UPDATE user_demographics SET user_no = -1 WHERE " + ANY_ROW.format("user_demographics"), "user_numbers"),
    ("UPDATE user_demographics SET user_no = 0", "user_numbers"),
    ("UPDATE user_numbers SET next_no = 1", "user_numbers"),
    ("DELETE FROM user_numbers", "user_numbers"),
]


def send(nats, rng, count, users=60):
    events = [random_event(rng, users=users, span_hours=24 * (DAYS - 1)) for _ in range(count)]
    for source in SOURCES:
        with Publisher(nats, source) as publisher:
            publisher.send_in_messages([e for e in events if e["source"] == source], 20)


def wait_drained(nats, roles):
    for source in SOURCES:
        wait_for(lambda s=source: drained(nats, s) or any(r.returncode is not None for r in roles), 120,
                 f"the {source} events to be stored")
    assert all(role.returncode is None for role in roles)


def start_collectors(nats, database, folder):
    env = {"NATS_URL": nats.url, "DATABASE_URL": database.url, "BATCH_MAX_EVENTS": 100}
    return [Role(SOURCES[source][0], folder, env) for source in SOURCES]


@pytest.fixture(scope="module")
def filled(nats, database, tmp_path_factory):
    """Some days of both sources; the collectors have stopped."""
    roles = start_collectors(nats, database, str(tmp_path_factory.mktemp("roles")))
    try:
        for role in roles:
            role.wait_ready()
        send(nats, random.Random(71), 1500)
        wait_drained(nats, roles)
    finally:
        for role in roles:
            role.terminate()
    return database


def rollup(nats, database, *argv):
    """The result of `sluice rollup ... --json`; it must have been able to do it."""
    command = run(nats, database, "rollup", *argv, "--json", seconds=400)
    assert command.status in (0, 1), command.err
    result = command.json()
    assert result["ok"] == (command.status == 0)
    return result


def kinds(result):
    return {d["what"] for d in result["differences"]}


def epoch(database):
    return database.value("SELECT epoch FROM rollup_state")


def assert_verify_is_clean(nats, database):
    result = rollup(nats, database, "verify")
    assert result["ok"] and not result["differences"], result["differences"]


def test_nothing_differs(filled, nats):
    result = rollup(nats, filled, "verify")
    assert result["ok"] and result["differences"] == []
    days = filled.value("SELECT count(DISTINCT (timestamp AT TIME ZONE 'UTC')::date) FROM processed_events")
    assert 2 <= days <= result["days"]
    text = run(nats, filled, "rollup", "verify")
    assert text.status == 0 and text.out.startswith(f"OK: the rollups of {result['days']} days agree with the events")
    before = epoch(filled)
    text = run(nats, filled, "rollup", "rebuild")
    assert text.status == 0 and text.out.startswith("OK: 0 differences"), text.out + text.err
    assert epoch(filled) == before, "reporters would read for nothing what they have read"


@pytest.mark.parametrize("damage, differs", DAMAGES + DAMAGES_AT_REST, ids=range(len(DAMAGES + DAMAGES_AT_REST)))
def test_damage_is_mended(filled, nats, damage, differs):
    filled.execute(damage)
    before = epoch(filled)
    mended = rollup(nats, filled, "rebuild")
    assert mended["ok"] and differs in kinds(mended), mended
    assert epoch(filled) > before, "no reporter would notice"
    assert_verify_is_clean(nats, filled)


def test_all_damage_at_once(filled, nats):
    for damage, _ in DAMAGES + DAMAGES_AT_REST:
        filled.execute(damage)
    found = rollup(nats, filled, "verify")
    assert not found["ok"] and kinds(found) == {differs for _, differs in DAMAGES}
    assert all(d["count"] >= len(d["named"]) > 0 for d in found["differences"])
    assert kinds(rollup(nats, filled, "rebuild")) >= kinds(found) - {"user_attributes"}
    assert_verify_is_clean(nats, filled)
    assert_rollups_are_right(filled)
    assert rollup(nats, filled, "rebuild")["differences"] == []


def test_only_the_days_that_were_asked_for(filled, nats):
    days = filled.query("SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date::text FROM event_counts ORDER BY 1")
    first, last = days[0][0], days[-1][0]
    filled.execute("UPDATE event_counts SET events = events + 1 WHERE grain = 1440")
    found = rollup(nats, filled, "verify", "--from", last, "--to", last)
    assert found["days"] == 1 and all(last in name for name in found["differences"][0]["named"])
    assert "must have" in found["differences"][0]["named"][0]
    assert rollup(nats, filled, "rebuild", "--to", first)["days"] == 1
    assert rollup(nats, filled, "verify", "--to", first)["ok"]
    text = run(nats, filled, "rollup", "verify")
    assert text.status == 1 and "DIFFERS: event_counts: " in text.out and "FAILED: " in text.out
    text = run(nats, filled, "rollup", "rebuild")
    assert text.status == 0 and "MENDED: event_counts: " in text.out
    assert_verify_is_clean(nats, filled)


@pytest.mark.parametrize("argv, says", [
    ((), "takes verify or rebuild"),
    (("mend",), "takes verify or rebuild"),
    (("verify", "--from", "2026-02-30"), "takes a day such as"),
    (("verify", "--to", "today"), "takes a day such as"),
    (("rebuild", "--from", "2026-02-02", "--to", "2026-02-01"), "must not be later"),
])
def test_what_it_cannot_take(filled, nats, argv, says):
    command = run(nats, filled, "rollup", *argv)
    assert command.status == 2 and says in command.err and command.err.count("\n") == 1, command.err


def test_one_rebuild_at_a_time(filled, nats):
    with contextlib.closing(psycopg2.connect(filled.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('sluice.rollup', 0))")
        command = run(nats, filled, "rollup", "rebuild")
        assert command.status == 2 and "another rebuild" in command.err
        assert_verify_is_clean(nats, filled)


def test_a_replica_is_verified_and_not_rebuilt(nats):
    with running(PostgresServer()) as primary:
        database = primary.new_database()
        command = run(nats, database, "migrate")
        assert command.status == 0, command.err
        replica = make_standby(primary, synchronous=True)
        try:
            there = Database(replica, database.name)
            database.execute("INSERT INTO event_counts VALUES ('2026-01-31', '2026-01-31', '2026-01-31', 1, 1440,"
                             " 'facebook', 'top', 'ad.view')")
            wait_for(lambda: there.value("SELECT count(*) FROM event_counts") == 1, 30, "the row to arrive")
            assert kinds(rollup(nats, there, "verify")) == {"event_counts"}
            command = run(nats, there, "rollup", "rebuild")
            assert command.status == 2 and command.err.count("\n") == 1, command.err
        finally:
            replica.remove()


class Load:
    """Sends events until it is left."""

    def __init__(self, nats, rng):
        self.nats, self.rng = nats, rng
        self.ended = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.send)

    def send(self):
        try:
            while not self.ended.is_set():
                send(self.nats, self.rng, 100, users=3000)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        assert not self.error, self.error


def do_damage(database, damage):
    """It locks rows in another order than the collectors."""
    for _ in range(20):
        try:
            return database.execute(damage)
        except psycopg2.errors.DeadlockDetected:
            continue
    raise AssertionError(f"deadlocks only: {damage}")


def test_damage_is_mended_under_load(other_nats, postgres, tmp_path):
    database = postgres.new_database()
    rng = random.Random(72)
    roles = start_collectors(other_nats, database, str(tmp_path))
    try:
        for role in roles:
            role.wait_ready()
        send(other_nats, rng, 500)
        wait_drained(other_nats, roles)
        with Load(other_nats, rng):
            stored = database.value("SELECT count(*) FROM processed_events")
            for start in range(2):
                for damage, _ in DAMAGES[start::2]:
                    do_damage(database, damage)
                assert rollup(other_nats, database, "rebuild")["differences"]
                assert_verify_is_clean(other_nats, database)
            wait_for(lambda: database.value("SELECT count(*) FROM processed_events") > stored, 60, "the load")
        wait_drained(other_nats, roles)
        assert_verify_is_clean(other_nats, database)
        assert_rollups_are_right(database)
    finally:
        for role in roles:
            role.terminate()
