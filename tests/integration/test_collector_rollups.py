"""What reports read instead of events is exact, whatever order events come in, whoever writes and whatever dies."""
import contextlib
import datetime
import random

import psycopg2
import pytest

from harness.collector import SOURCES, Publisher, drained
from harness.events import random_event, timestamp
from harness.rollup_recount import assert_rollups_are_right, rollup_differences
from harness.wait import wait_for

CURRENCIES = ["USD", "EUR", "JPY"]
COUNTRIES = ["Germany", "Österreich", "日本", "x" * 200]


@pytest.fixture
def database(postgres):
    return postgres.new_database()


# What the recount must find.
FALSIFICATIONS = [
    ("UPDATE event_counts SET events = events + 1 WHERE grain = 15", "event_counts"),
    ("UPDATE event_counts SET latest = latest + interval '1 us' WHERE grain = 1", "event_counts"),
    ("DELETE FROM revenue_totals WHERE grain = 1440", "revenue_totals"),
    ("SELECT merge_cube_deltas(); DELETE FROM cube_totals WHERE cube = 'revenue' AND grain = 60", "cube_totals"),
    ("UPDATE user_activity SET users = set_bit(users, 8191, 1) WHERE grain = 60", "user_activity"),
    ("UPDATE user_attributes SET users = no_users() WHERE attribute = 'gender'", "user_attributes"),
    ("UPDATE user_demographics SET user_no = 0", "user numbers"),
]


def mixed_events(rng, count, users=60):
    """Of both sources and some days, whose users change: age, city, followers and country."""
    events = []
    for _ in range(count):
        event = random_event(rng, users=users, span_hours=rng.choice([0.01, 1, 100]))
        user, engagement = event["data"]["user"], event["data"]["engagement"]
        if event["source"] == "facebook":
            user["age"] = rng.choice([12, 17.9, 18, 30, 99])
            user["location"]["country"] = rng.choice(COUNTRIES)
        else:
            user["followers"] = rng.choice([0, 999, 1000, 5_000_000])
            if "country" in engagement:
                engagement["country"] = rng.choice(COUNTRIES)
        if event["funnelStage"] == "bottom":
            engagement["currency"] = rng.choice(CURRENCIES)
            engagement["campaignId"] = rng.choice([f"campaign-{rng.randrange(5)}", "c" * 200, "ü"])
            if rng.random() < 0.1:
                engagement["purchaseAmount"] = "999999999999999.99"
        events.append(event)
    return events


def publish(nats, rng, events, source, per_message=40):
    """Shuffled, a part of it twice."""
    mine = [e for e in events if e["source"] == source]
    sent = mine + rng.sample(mine, len(mine) // 5)
    rng.shuffle(sent)
    with Publisher(nats, source) as publisher:
        publisher.send_in_messages(sent, per_message)


def wait_all_stored(database, events, seconds=60):
    wait_for(lambda: database.value("SELECT count(*) FROM processed_events") >= len(events), seconds,
             f"{len(events)} events to be stored")


def test_mixed_events_of_two_collectors_of_each_source(start_role, other_nats, database):
    rng = random.Random(61)
    env = {"NATS_URL": other_nats.url, "WRITERS": 2, "ACK_WAIT": "2s"}
    roles = [start_role(SOURCES[source][0], env=env).wait_ready() for source in SOURCES for _ in range(2)]
    events = mixed_events(rng, 3000)
    for source in SOURCES:
        publish(other_nats, rng, events, source)
    wait_all_stored(database, events)
    assert_rollups_are_right(database)
    # The same users once more, and deltas that were merged in between.
    database.execute("SELECT merge_cube_deltas()")
    later = mixed_events(rng, 1000)
    for source in SOURCES:
        publish(other_nats, rng, later, source, per_message=7)
    wait_all_stored(database, events + later)
    assert_rollups_are_right(database)
    assert database.value("SELECT count(*) FROM user_demographics WHERE relist") == 0
    assert all(role.returncode is None for role in roles)
    for role in roles:
        role.terminate()
    for sql, table in FALSIFICATIONS:
        assert_is_found(database, sql, table)


def assert_is_found(database, falsify, table):
    with contextlib.closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        def query(sql):
            cursor.execute(sql)
            return cursor.fetchall()

        cursor.execute(falsify)
        assert any(table in text for text, _ in rollup_differences(query)), falsify


def test_collectors_die_in_the_middle(start_role, other_nats, database):
    rng = random.Random(62)
    env = {"NATS_URL": other_nats.url, "WRITERS": 2, "ACK_WAIT": "2s", "BATCH_MAX_EVENTS": 100}
    events = [e for e in mixed_events(rng, 4000) if e["source"] == "facebook"]
    points = ["writer.after_keys:3", "writer.before_commit:2", "writer.before_commit:5"]
    for i, point in enumerate(points):
        role = start_role("fb-collector", env={**env, "SLUICE_FAILPOINT": point}).wait_ready()
        publish(other_nats, rng, events[i::4], "facebook", per_message=11)
        wait_for(lambda role=role: role.returncode is not None, 30, f"the kill at {point}")
    last = start_role("fb-collector", env=env).wait_ready()
    publish(other_nats, rng, events[3::4], "facebook", per_message=11)
    wait_for(lambda: database.value("SELECT count(*) FROM processed_events") > len(events) // 2, 30, "half of them")
    last.kill9()
    start_role("fb-collector", env=env).wait_ready()
    wait_all_stored(database, events)
    wait_for(lambda: drained(other_nats), 30, "the acks")
    assert_rollups_are_right(database)


def test_a_late_event_and_a_changed_user(start_role, other_nats, database):
    start_role("ttk-collector", env={"NATS_URL": other_nats.url}).wait_ready()
    now = datetime.datetime.now(datetime.timezone.utc)
    rng = random.Random(63)
    event = next(e for e in mixed_events(rng, 100) if e["source"] == "tiktok" and e["funnelStage"] == "top")
    event["data"]["user"] = {"userId": "changes", "username": "u", "followers": 5}
    event["data"]["engagement"]["country"] = "Peru"

    def send(name, followers, country, when):
        event.update(eventId=name, timestamp=timestamp(when))
        event["data"]["user"]["followers"] = followers
        event["data"]["engagement"]["country"] = country
        with Publisher(other_nats, "tiktok") as publisher:
            publisher.send([event])
        wait_for(lambda: database.value("SELECT count(*) FROM processed_events WHERE event_id = %s", (name,)) == 1)

    def listed():
        return {(a, v) for a, v in database.query("SELECT attribute, value FROM user_attributes WHERE bit_count(users) > 0")}

    send("first", 5, "Peru", now - datetime.timedelta(days=1))
    assert listed() == {("follower_range", "under_1k"), ("country", "Peru")}
    send("second", 5000, "Chad", now)
    assert listed() == {("follower_range", "1k_10k"), ("country", "Chad")}
    send("late", 7_000_000, "Fiji", now - datetime.timedelta(days=40))
    assert listed() == {("follower_range", "1k_10k"), ("country", "Chad")}
    assert_rollups_are_right(database)
