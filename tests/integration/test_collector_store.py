"""The collectors' main job on real servers: from the stream into the tables, exactly once."""
import datetime
import json
import random

import pytest

from harness.collector import (SOURCES, Publisher, consumer_state, context_line, dead_letters, delete_consumer, drained,
                               line_of, metric, payload_of)
from harness.events import (facebook_checkout, facebook_event, random_event, tiktok_event, tiktok_purchase, timestamp)
from harness.wait import wait_for


def stored_ids(database, source="facebook"):
    return [row[0] for row in database.query("SELECT event_id FROM processed_events WHERE source = %s", (source,))]


def wait_stored(database, ids, source="facebook", seconds=20):
    wanted = set(ids)
    wait_for(lambda: wanted <= set(stored_ids(database, source)), seconds, f"{len(wanted)} events to be stored")


@pytest.fixture
def fb(start_role, nats, database):
    # A short duplicate window: what must not be published twice must not rely on it.
    return start_role("fb-collector", env={"DUPLICATE_WINDOW": "100ms"}).wait_ready()


def test_both_collectors_store_their_source(start_role, nats, database):
    for source, event in (("facebook", facebook_checkout()), ("tiktok", tiktok_purchase())):
        role = start_role(SOURCES[source][0]).wait_ready()
        with Publisher(nats, source) as publisher:
            publisher.send([event], stage="bottom", correlation=f"corr-{source}")
        wait_stored(database, [event["eventId"]], source)
        row = database.query(
            "SELECT source, funnel_stage, event_type, user_id, correlation_id, data::text FROM processed_events"
            " WHERE event_id = %s", (event["eventId"],))[0]
        assert row == (source, "bottom", event["eventType"], event["data"]["user"]["userId"], f"corr-{source}",
                       json.dumps(event))
        assert database.value("SELECT amount::text FROM revenue_transactions WHERE event_id = %s",
                              (event["eventId"],)) == event["data"]["engagement"]["purchaseAmount"]
        wait_for(lambda: drained(nats, source), what="the ack")  # noqa: B023
        prefix = SOURCES[source][2]
        assert metric(role, f"{prefix}_events_accepted_total", source=source, funnel_stage="bottom") == 1
        assert metric(role, f"{prefix}_events_processed_total", source=source, funnel_stage="bottom") == 1
        assert metric(role, f"{prefix}_events_failed_total") == 0


def test_correlation_ids_are_in_the_log(fb, nats, database):
    events = [facebook_event() for _ in range(3)]
    with Publisher(nats) as publisher:
        publisher.send(events[:1], correlation="lone-request")
        wait_stored(database, [events[0]["eventId"]])
        payload = (context_line(1, "first-of-two") + "\n" + line_of(events[1]) + "\n" +
                   context_line(1, "second-of-two") + "\n" + line_of(events[2]) + "\n")
        publisher.raw(payload, 2)
    wait_stored(database, [e["eventId"] for e in events])

    def lines(text):
        return [x for x in fb.log_lines() if x["event"] == "batch.stored" and
                text in (x.get("correlationId"), *x.get("correlationIds", "").split(","))]

    for correlation in ("lone-request", "first-of-two", "second-of-two"):
        assert wait_for(lambda c=correlation: lines(c), what=f"a log line with {correlation}")
    text = fb.log_text()
    assert events[0]["data"]["user"]["name"] not in text and events[0]["data"]["user"]["userId"] not in text


def test_many_requests_are_logged_one_by_one_only_at_debug(start_role, nats, database):
    fb = start_role("fb-collector", env={"LOG_LEVEL": "info"}).wait_ready()
    events = [facebook_event() for _ in range(50)]
    payload = "".join(context_line(1, f"many-{i}") + "\n" + line_of(e) + "\n" for i, e in enumerate(events))
    with Publisher(nats) as publisher:
        publisher.raw(payload, len(events))
    wait_stored(database, [e["eventId"] for e in events])
    line = wait_for(lambda: [x for x in fb.log_lines() if x["event"] == "batch.stored"])[-1]
    assert line["requests"] == 50 and "many-7" not in fb.log_text()


def test_duplicates_and_conflicts_in_one_message_and_across(fb, nats, database):
    event = facebook_checkout()
    other = dict(event, timestamp=timestamp(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)))
    with Publisher(nats) as publisher:
        publisher.send([event, event, json.dumps(event, indent=None, separators=(" , ", " : "))])
        publisher.send([event])
        publisher.send([other])
    wait_for(lambda: drained(nats) and metric(fb, "fb_collector_events_processed_total") >= 5)
    assert stored_ids(database).count(event["eventId"]) == 1
    assert database.value("SELECT count(*) FROM revenue_transactions WHERE event_id = %s", (event["eventId"],)) == 1
    assert metric(fb, "fb_collector_events_duplicates_total") == 4
    assert metric(fb, "fb_collector_events_conflicts_total") == 1
    assert database.value("SELECT timestamp::text FROM processed_events WHERE event_id = %s",
                          (event["eventId"],))[:10] == event["timestamp"][:10]


def test_newest_attributes_of_a_user_win_in_any_order(fb, nats, database):
    base = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
    events = [facebook_event(timestamp=timestamp(base + datetime.timedelta(hours=i)),
                             **{"data.user.userId": "newest-wins", "data.user.age": 20 + i}) for i in range(8)]
    shuffled = events[:]
    random.Random(4).shuffle(shuffled)
    with Publisher(nats) as publisher:
        for event in shuffled:
            publisher.send([event])
    wait_stored(database, [e["eventId"] for e in events])
    row = database.query("SELECT age, first_seen_at, last_seen_at FROM user_demographics WHERE user_id = 'newest-wins'")
    assert row == [(27, base, base + datetime.timedelta(hours=7))]


def test_poison_among_a_thousand(fb, nats, database):
    good = [facebook_event() for _ in range(999)]
    poison = line_of(facebook_event()).replace('"timestamp": "', '"timestamp": "not-')
    before = len(dead_letters(nats))
    with Publisher(nats) as publisher:
        seq = publisher.send(good[:500] + [poison] + good[500:], correlation="with-poison")
    wait_stored(database, [e["eventId"] for e in good])
    wait_for(lambda: drained(nats), what="the ack")
    letters = dead_letters(nats)[before:]
    assert len(letters) == 1
    letter = letters[0]
    assert letter.payload.decode() == poison and letter.subject == "dlq.facebook"
    assert letter.headers["Dlq-Pointer"] == "/timestamp" and letter.headers["Dlq-Index"] == "500"
    assert letter.headers["Dlq-Correlation-Id"] == "with-poison"
    row = database.query("SELECT events, stored, dead, stored_at FROM ledger WHERE seq = %s", (seq,))[0]
    assert row[:3] == (1000, 999, 1)
    assert letter.headers["Nats-Msg-Id"] == f"FACEBOOK_EVENTS/{seq}/{row[3]}/500"
    assert metric(fb, "fb_collector_events_failed_total", reason=letter.headers["Dlq-Reason"]) == 1


@pytest.mark.parametrize("payload,count,good,dead", [
    pytest.param("rubbish\n", 3, 0, 3, id="no context line"),
    pytest.param(lambda e: context_line(3) + "\n" + line_of(e[0]) + "\n", 3, 1, 2, id="fewer lines than counted"),
    pytest.param(lambda e: payload_of(e[:2]), 3, 2, 1, id="fewer events than the header says"),
    pytest.param(lambda e: payload_of(e[:2]) + "trailing\n", 2, 2, 1, id="rubbish behind"),
    pytest.param("", 0, 0, 0, id="empty"),
    pytest.param(lambda e: payload_of(e[:2]).replace("\n", "\r\n", 0)[:-1], 2, 2, 0, id="no line feed at the end"),
])
def test_broken_frames(fb, nats, database, payload, count, good, dead):
    events = [facebook_event() for _ in range(3)]
    payload = payload(events) if callable(payload) else payload
    before = len(dead_letters(nats))
    with Publisher(nats) as publisher:
        seq = publisher.raw(payload, count)
    row = wait_for(lambda: database.query("SELECT events, stored, dead FROM ledger WHERE seq = %s", (seq,)))[0]
    assert row == (max(count, good + dead), good, dead)
    letters = dead_letters(nats)[before:]
    assert len(letters) == (1 if dead else 0)
    assert all(x.headers["Dlq-Reason"] == "broken_frame" for x in letters)
    wait_for(lambda: drained(nats), what="the ack")


def test_event_of_another_source_is_dead(fb, nats, database):
    before = len(dead_letters(nats))
    with Publisher(nats) as publisher:
        publisher.send([facebook_event(eventId="right-source"), tiktok_event(eventId="wrong-source")])
    wait_stored(database, ["right-source"])
    letters = dead_letters(nats)[before:]
    assert [x.headers["Dlq-Reason"] for x in letters] == ["wrong_source"]
    assert stored_ids(database, "tiktok").count("wrong-source") == 0


def test_consumer_deleted_the_whole_stream_comes_again(fb, nats, database):
    events = [facebook_event() for _ in range(500)]
    poison = '{"eventId":"dead-once"}'
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events + [poison], 50)
    wait_stored(database, [e["eventId"] for e in events])
    wait_for(lambda: drained(nats), what="the acks")
    before = (len(stored_ids(database)), database.value("SELECT count(*) FROM ledger WHERE stream = 'FACEBOOK_EVENTS'"), len(dead_letters(nats)))
    delete_consumer(nats)
    messages = before[1]
    wait_for(lambda: metric(fb, "fb_collector_messages_seen_total") >= messages and drained(nats), 30, "the stream again")
    assert (len(stored_ids(database)), database.value("SELECT count(*) FROM ledger WHERE stream = 'FACEBOOK_EVENTS'"), len(dead_letters(nats))) == before


def test_large_backlog_of_lone_events_is_written_in_large_batches(start_role, nats, database):
    first = start_role("fb-collector").wait_ready()  # makes the stream
    first.terminate()
    events = [facebook_event() for _ in range(3000)]
    with Publisher(nats) as publisher:
        for event in events:
            publisher.send([event])
    second = start_role("fb-collector").wait_ready()
    wait_stored(database, [e["eventId"] for e in events])
    batches = metric(second, "fb_collector_batch_events_count")
    assert batches < 300, "3,000 waiting events took too many transactions"


def test_several_instances_with_overlapping_events(start_role, nats, database):
    rng = random.Random(11)
    roles = [start_role("fb-collector", env={"WRITERS": 2, "ACK_WAIT": "2s"}).wait_ready() for _ in range(3)]
    events = [random_event(rng, users=10) for _ in range(6000)]
    events = [e for e in events if e["source"] == "facebook"]
    thrice = events * 3
    rng.shuffle(thrice)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(thrice, 40)
    wait_stored(database, [e["eventId"] for e in events], seconds=60)
    wait_for(lambda: drained(nats), 30, "the acks")
    ids = stored_ids(database)
    mine = {e["eventId"] for e in events}
    assert sum(1 for i in ids if i in mine) == len(mine)
    newest = {}
    for event in events:
        user = event["data"]["user"]
        newest[user["userId"]] = max(newest.get(user["userId"], ""), event["timestamp"])
    rows = database.query("SELECT user_id, last_seen_at FROM user_demographics WHERE user_id = ANY(%s)", (list(newest),))
    assert {u: timestamp(t) for u, t in rows} == newest
    assert all(role.returncode is None for role in roles)


def test_own_metrics_and_those_of_the_gateway_become_rows(fb, nats, database):
    # Not so long ago that METRICS_DAYS would delete it.
    day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=2)
    minute = f"{day}T10:07:00.000Z"
    line = {"service": "gateway", "instance": "host-1-2", "metric": 'gateway_events_accepted_total{source="facebook"}',
            "minute": minute, "value": 42}
    with nats.client() as client:
        for value in (42, 43):  # written once: the second changes nothing
            client.js_publish("metrics.gateway", json.dumps(dict(line, value=value)) + "\n")
        client.js_publish("metrics.gateway", "rubbish\n" + json.dumps(dict(line, metric="other_total")) + "\n")
    wait_for(lambda: database.query("SELECT 1 FROM event_metrics WHERE metric = 'other_total'"))
    assert database.query("SELECT minute::text, value, service, instance FROM event_metrics WHERE metric = %s",
                          (line["metric"],)) == [(f"{day} 10:07:00+00", 42.0, "gateway", "host-1-2")]
    with Publisher(nats) as publisher:
        publisher.send([facebook_event(eventId="counted")])
    wait_stored(database, ["counted"])
    assert fb.terminate() == 0  # a sample is taken at the end
    rows = database.query("SELECT metric, value FROM event_metrics WHERE service = 'fb-collector' AND metric LIKE %s",
                          ("fb_collector_events_processed_total%",))
    assert sum(value for _, value in rows) >= 1


def test_metrics_pass_promtool(fb):
    import shutil
    import subprocess

    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "metrics"], input=fb.get("/metrics").content, capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ack_wait_of_an_existing_consumer_is_kept(fb, nats):
    assert consumer_state(nats)["config"]["max_deliver"] == -1
    assert consumer_state(nats)["config"]["max_ack_pending"] >= 100000
