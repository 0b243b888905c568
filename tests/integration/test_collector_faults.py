"""The collectors while things break: kill -9 at the worst moments, servers away, messages that kill."""
import os
import resource
import signal

import pytest

from harness.collector import (Publisher, consumer_state, context_line, dead_letters, drained, line_of, metric)
from harness.events import facebook_checkout, facebook_event
from harness.servers import NatsServer, PostgresServer, running
from harness.wait import wait_for

FAST = {"ACK_WAIT": "2s"}


@pytest.fixture(scope="module")
def postgres():
    """A cluster of our own: these tests stop it."""
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture
def database(postgres):
    return postgres.new_database()


@pytest.fixture
def nats():
    with running(NatsServer()) as server:
        yield server


def stored(database):
    return database.value("SELECT count(*) FROM processed_events")


def wait_all_stored(database, nats, count, seconds=40):
    wait_for(lambda: stored(database) >= count and drained(nats), seconds, f"{count} events stored and acked")
    check_exact(database, count)


def check_exact(database, count, dead=0):
    """Each event once everywhere, and the ledger adds up."""
    assert stored(database) == count
    assert database.value("SELECT count(*) FROM event_keys") == count
    assert database.value("SELECT count(DISTINCT event_id) FROM processed_events") == count
    sums = database.query("SELECT sum(events), sum(stored + duplicates + dead + expired), sum(stored), sum(dead)"
                          " FROM ledger")[0]
    assert sums[0] == sums[1] and sums[2] == count and sums[3] == dead


def prepare_streams(start_role):
    role = start_role("fb-collector").wait_ready()
    assert role.terminate() == 0


def events(n):
    return [facebook_checkout() if i % 5 == 0 else facebook_event() for i in range(n)]


@pytest.mark.parametrize("point", ["collector.before_commit:2", "collector.after_commit:2", "writer.after_keys:2",
                                   "writer.before_commit:2"])
def test_killed_at_a_failpoint_nothing_is_lost_or_doubled(start_role, nats, database, point):
    prepare_streams(start_role)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(1000), 50)
        role = start_role("fb-collector", env={**FAST, "SLUICE_FAILPOINT": point, "BATCH_MAX_EVENTS": 200})
        wait_for(lambda: role.returncode is not None, 30, "the collector to die")
        assert role.returncode == -signal.SIGKILL
    del role.env["SLUICE_FAILPOINT"]
    role.start()
    wait_all_stored(database, nats, 1000)
    if "after_commit" in point:
        assert metric(role, "fb_collector_messages_seen_total") > 0


def test_killed_many_times_under_load(start_role, nats, database):
    role = start_role("fb-collector", env={**FAST, "BATCH_MAX_EVENTS": 300}).wait_ready()
    with Publisher(nats) as publisher:
        for _ in range(6):
            before = stored(database)
            publisher.send_in_messages(events(500), 25)
            wait_for(lambda: stored(database) > before, 20, "some events to be stored")  # noqa: B023
            role.kill9()
            role.start()
    wait_all_stored(database, nats, 3000, 60)
    assert len(dead_letters(nats)) == 0


def test_a_message_that_kills_is_dead_lettered_and_its_neighbours_are_not(start_role, nats, database):
    prepare_streams(start_role)
    killer = [facebook_event(eventId=f"killer-{i}") for i in range(3)]
    good = events(300)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(good[:150], 50)
        seq = publisher.send(killer, correlation="kills")
        publisher.send_in_messages(good[150:], 50)
    role = start_role("fb-collector", env={"ACK_WAIT": "1s", "SLUICE_FAILPOINT": f"collector.message.{seq}"})
    deaths = 0

    def settled():
        nonlocal deaths
        if role.returncode is not None:
            deaths += 1
            assert deaths < 15
            role.start()
        return stored(database) >= 300 and drained(nats)

    wait_for(settled, 60, "the message to be found out")
    assert 4 <= deaths <= 8
    check_exact(database, 300, dead=3)
    letters = dead_letters(nats)
    assert [x.headers["Dlq-Reason"] for x in letters] == ["killed_collector"] * 3
    assert [x.payload.decode() for x in letters] == [line_of(e) for e in killer]
    assert database.value("SELECT count(*) FROM suspect_messages") == 0


def test_redelivered_often_is_innocent(start_role, nats, database):
    prepare_streams(start_role)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(400), 1)
    for _ in range(4):
        take_and_drop(nats, 400)
    role = start_role("fb-collector", env=FAST).wait_ready()
    wait_all_stored(database, nats, 400)
    assert len(dead_letters(nats)) == 0
    assert metric(role, "fb_collector_batch_events_count") < 100
    assert database.value("SELECT count(*) FROM suspect_messages") == 0


def take_and_drop(nats, count):
    """Another client takes messages of the consumer and gives them back at once."""
    with nats.client() as client:
        inbox = client.inbox + ".pull"
        client.publish("$JS.API.CONSUMER.MSG.NEXT.FACEBOOK_EVENTS.fb-collector",
                       f'{{"batch":{count},"expires":5000000000}}', reply=inbox)
        for _ in range(count):
            client.publish(client._next_message().reply, "-NAK")
        client.request("$JS.API.INFO")


def readiness(role):
    answer = role.get("/health/readiness", timeout=3)
    return answer.status_code, answer.text


def test_postgres_killed_and_back(start_role, nats, postgres, database):
    role = start_role("fb-collector", env=FAST).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(200), 20)
        wait_all_stored(database, nats, 200)
        postgres.kill9()
        try:
            publisher.send_in_messages(events(500), 20)
            wait_for(lambda: readiness(role)[0] == 503, 15, "readiness to say so")
            assert "database" in readiness(role)[1]
            cpu = process_cpu(role.pid)
            # Longer than ack_wait twice over: the messages are kept alive meanwhile.
            wait_for(lambda: metric(role, "fb_collector_store_retries_total") >= 6, 30, "some attempts")
            assert process_cpu(role.pid) - cpu < 2, "a busy loop while the database is away"
        finally:
            postgres.start()
        wait_all_stored(database, nats, 700)
    assert len(dead_letters(nats)) == 0
    wait_for(lambda: readiness(role)[0] == 200, 15, "readiness to be back")


def process_cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_messages_in_hand_are_kept_alive(start_role, nats, postgres, database):
    role = start_role("fb-collector", env=FAST).wait_ready()
    postgres.kill9()
    try:
        with Publisher(nats) as publisher:
            publisher.send_in_messages(events(100), 20)
        wait_for(lambda: consumer_state(nats)["num_ack_pending"] == 5, 10, "the messages to be taken")
        # Three times ack_wait, seen by the count of attempts (their delays add up to more).
        wait_for(lambda: metric(role, "fb_collector_store_retries_total") >= 7, 40, "some attempts")
        assert consumer_state(nats)["num_redelivered"] == 0
    finally:
        postgres.start()
    wait_all_stored(database, nats, 100)
    assert metric(role, "fb_collector_messages_seen_total") == 0


def test_postgres_paused_and_resumed(start_role, nats, postgres, database):
    role = start_role("fb-collector", env=FAST).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(100), 20)
        wait_all_stored(database, nats, 100)
        pids = [postgres.pid] + [row[0] for row in database.query(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice%%'")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            publisher.send_in_messages(events(300), 20)
            wait_for(lambda: readiness(role)[0] == 503, 20, "readiness to say so")
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)
        wait_all_stored(database, nats, 400)
    assert len(dead_letters(nats)) == 0


def test_a_backend_is_terminated(start_role, nats, database):
    start_role("fb-collector", env=FAST).wait_ready()
    with Publisher(nats) as publisher:
        for _ in range(5):
            publisher.send_in_messages(events(100), 10)
            database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name LIKE 'sluice%%' AND pid <> pg_backend_pid()")
    wait_all_stored(database, nats, 500)
    assert len(dead_letters(nats)) == 0


def test_started_before_the_servers(start_role, nats, postgres, database):
    prepare_streams(start_role)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(100), 10)
    nats.stop()
    postgres.stop()
    try:
        role = start_role("fb-collector").wait_alive()
        wait_for(lambda: readiness(role)[0] == 503 and all(x in readiness(role)[1] for x in ("nats", "database")))
    finally:
        postgres.start()
        nats.start()
    wait_all_stored(database, nats, 100)
    wait_for(lambda: readiness(role)[0] == 200, 15, "readiness")


@pytest.mark.parametrize("how", ["stop", "kill9"])
def test_nats_restarted(start_role, nats, database, how):
    role = start_role("fb-collector", env=FAST).wait_ready()
    for round_ in range(3):
        with Publisher(nats) as publisher:
            publisher.send_in_messages(events(200), 10)
        getattr(nats, how)()
        wait_for(lambda: readiness(role)[0] == 503, 15, "readiness to say so")
        nats.start()
        wait_all_stored(database, nats, 200 * (round_ + 1))
    wait_for(lambda: readiness(role)[0] == 200, 15, "readiness to be back")


def test_nats_paused(start_role, nats, database):
    role = start_role("fb-collector", env=FAST).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(200), 10)
        nats.pause()
        try:
            wait_for(lambda: readiness(role)[0] == 503, 25, "readiness to say so")
        finally:
            nats.resume()
    wait_all_stored(database, nats, 200)


def test_stream_deleted_and_made_again(start_role, nats, database):
    start_role("fb-collector", env=FAST).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(100), 10)
        wait_all_stored(database, nats, 100)
        publisher.client.api("STREAM.DELETE.FACEBOOK_EVENTS")

        def sent():
            return publisher.send(more.pop()) if more else True

        # Sequences begin at 1 again: the ledger must not take them for the old ones.
        more = [events(10) for _ in range(10)]
        wait_for(lambda: nats.client().stream_state("FACEBOOK_EVENTS"), 15, "the stream to be there again")
        while more:
            sent()
    wait_all_stored(database, nats, 200)


def test_collector_frozen_longer_than_ack_wait(start_role, nats, database):
    frozen = start_role("fb-collector", env={**FAST, "BATCH_MAX_EVENTS": 50}).wait_ready()
    other = start_role("fb-collector", env={**FAST, "BATCH_MAX_EVENTS": 50}).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(1500), 5)
        frozen.signal(signal.SIGSTOP)
        try:
            publisher.send_in_messages(events(500), 5)
            # Whatever it had in hand comes again to the other one: ack_wait is over.
            wait_for(lambda: drained(nats) or consumer_state(nats)["num_redelivered"] > 0, 40, "ack_wait to pass")
        finally:
            frozen.signal(signal.SIGCONT)
    wait_all_stored(database, nats, 2000)
    assert other.returncode is None and frozen.returncode is None


@pytest.mark.parametrize("point", ["collector.before_commit", "writer.after_keys", "writer.before_commit",
                                   "collector.after_commit"])
def test_collector_frozen_at_a_failpoint(start_role, nats, database, point):
    """Frozen inside of its transaction it must not hold up the others for long: hot users, the same messages."""
    frozen = start_role("fb-collector", env={**FAST, "SLUICE_FAILPOINT": f"stop:{point}"}).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(200), 10)
        wait_for(lambda: process_state(frozen.pid) == "T", 20, "the collector to freeze")
        start_role("fb-collector", env=FAST).wait_ready()
        publisher.send_in_messages(events(300), 10)
        wait_for(lambda: stored(database) == 500 and drained(nats), 40, "the other one to take over")
    frozen.signal(signal.SIGCONT)
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(100), 10)
    wait_all_stored(database, nats, 600)
    assert frozen.returncode is None and len(dead_letters(nats)) == 0


def process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def test_database_refuses_one_event_alone(start_role, nats, database):
    """A fault that only the database finds: here a CHECK that the event cannot pass."""
    prepare_streams(start_role)
    database.execute("ALTER TABLE processed_events ADD CONSTRAINT test_refused CHECK (event_id NOT LIKE 'refused-%%')")
    good = events(998)
    bad = [facebook_event(eventId=f"refused-{i}") for i in range(2)]
    role = start_role("fb-collector").wait_ready()
    with Publisher(nats) as publisher:
        seq = publisher.send(good[:300] + bad[:1] + good[300:900] + bad[1:] + good[900:])
    wait_for(lambda: stored(database) == 998 and drained(nats), 30, "the good ones to be stored")
    check_exact(database, 998, dead=2)
    assert sorted(x.payload.decode() for x in dead_letters(nats)) == sorted(line_of(e) for e in bad)
    assert {x.headers["Dlq-Reason"] for x in dead_letters(nats)} == {"database_refused"}
    assert database.query("SELECT events, dead FROM ledger WHERE seq = %s", (seq,)) == [(1000, 2)]
    assert metric(role, "fb_collector_events_failed_total", reason="database_refused") == 2


def test_schema_gone_waits_for_it_and_nothing_is_dead(start_role, nats, database):
    role = start_role("fb-collector", env=FAST).wait_ready()
    database.execute("ALTER TABLE event_keys RENAME TO hidden")
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(50), 10)
    wait_for(lambda: metric(role, "fb_collector_store_retries_total") >= 1, 15, "an attempt")
    database.execute("ALTER TABLE hidden RENAME TO event_keys")
    wait_all_stored(database, nats, 50)
    assert len(dead_letters(nats)) == 0


def test_dead_letter_stream_full_holds_only_its_message_back(start_role, nats, database):
    prepare_streams(start_role)
    with nats.client() as client:
        config = client.api("STREAM.INFO.EVENTS_DLQ")["config"]
        client.api("STREAM.UPDATE.EVENTS_DLQ", {**config, "max_msgs": 1})
        client.js_publish("dlq.unknown", "occupied")
        role = start_role("fb-collector", env=FAST)
        wait_for(lambda: client.api("STREAM.INFO.EVENTS_DLQ"))
        with Publisher(nats) as publisher:
            wait_for(lambda: readiness(role)[0] == 200, 20, "readiness")
            client.api("STREAM.UPDATE.EVENTS_DLQ", {**config, "max_msgs": 1})
            publisher.send(["{}"] + events(9))
            publisher.send_in_messages(events(100), 10)
            wait_for(lambda: stored(database) == 100, 20, "the others to be stored")
            client.api("STREAM.UPDATE.EVENTS_DLQ", {**config, "max_msgs": -1})
    wait_all_stored_with_dead(database, nats, 109, 1)


def wait_all_stored_with_dead(database, nats, count, dead):
    wait_for(lambda: stored(database) >= count and drained(nats), 40, f"{count} events stored and acked")
    check_exact(database, count, dead)


def test_graceful_stop_gives_back_what_it_did_not_begin(start_role, nats, database):
    role = start_role("fb-collector", env={"ACK_WAIT": "1h", "BATCH_MAX_EVENTS": 50}).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(3000), 5)
        wait_for(lambda: stored(database) > 0, 20, "work to be under way")
        assert role.terminate() == 0
        # ack_wait is an hour: only what was acked or given back can be done now.
        start_role("fb-collector", env={"ACK_WAIT": "1h"}).wait_ready()
        wait_all_stored(database, nats, 3000)


def test_graceful_stop_while_the_database_is_away(start_role, nats, postgres, database):
    role = start_role("fb-collector", env={"ACK_WAIT": "1h"}).wait_ready()
    postgres.kill9()
    try:
        with Publisher(nats) as publisher:
            publisher.send_in_messages(events(100), 10)
        wait_for(lambda: metric(role, "fb_collector_store_retries_total") >= 1, 15, "an attempt")
        assert role.terminate(seconds=15) == 0
    finally:
        postgres.start()
    start_role("fb-collector", env={"ACK_WAIT": "1h"}).wait_ready()
    wait_all_stored(database, nats, 100)


def test_graceful_stop_while_the_database_is_paused(start_role, nats, postgres, database):
    role = start_role("fb-collector", env={"SHUTDOWN_TIMEOUT": "6s"}).wait_ready()
    pids = [postgres.pid] + [row[0] for row in database.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice%%'")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with Publisher(nats) as publisher:
            publisher.send_in_messages(events(100), 10)
        wait_for(lambda: consumer_state(nats)["num_ack_pending"] > 0, 10, "the messages to be taken")
        assert role.terminate(seconds=20) == 0
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    start_role("fb-collector").wait_ready()
    wait_all_stored(database, nats, 100)


def test_memory_stays_bounded(start_role, nats, database):
    """Tens of thousands of events at one a message and in large messages, with small limits."""
    role = start_role("fb-collector", env={"BATCH_MAX_BYTES": "1M", "BATCH_MAX_EVENTS": 2000}).wait_ready()
    with Publisher(nats) as publisher:
        publisher.send_in_messages(events(2000), 500)
        wait_all_stored(database, nats, 2000)
        before = resident(role.pid)
        for _ in range(6):
            publisher.send_in_messages(events(3000), 500)
            publisher.send(events(1) + ["x" * 200000])
        wait_for(lambda: stored(database) >= 20006 and drained(nats), 60, "everything to be stored")
    assert resident(role.pid) < before + (48 << 20)


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def test_a_hostile_message_of_many_bad_lines(start_role, nats, database):
    role = start_role("fb-collector").wait_ready()
    with Publisher(nats) as publisher:
        publisher.raw(context_line(500) + "\n" + "{}\n" * 500, 500)
        publisher.send(events(10))
        wait_for(lambda: stored(database) == 10 and drained(nats), 30, "the good ones to be stored")
    assert len(dead_letters(nats)) == 500
    assert len([x for x in role.log_lines() if x["event"] == "event.dead"]) <= 20
