"""The main job: webhook in, exact report out; and nothing that dies on the way changes the result."""
import concurrent.futures
import random
import threading
import uuid

import pytest
import requests

from harness import oracle
from harness.events import corrupt_event, random_event
from harness.exact import assert_demographics_equal, assert_events_equal, assert_revenue_equal, report, send
from harness.stack import Stack
from harness.wait import wait_for

EVENTS = 200_000
PER_REQUEST = 500
PROCESSES = ["gateway", "fb-collector", "ttk-collector", "reporter", "nats-server", "postgres", "prometheus"]


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    try:
        yield stack.up().wait_ready()
    finally:
        stack.down()


def make_requests(rng):
    """Requests of PER_REQUEST events: 1 % corrupt, 5 % duplicates, in random order of time."""
    valid, requests_ = [], []
    for _ in range(EVENTS // PER_REQUEST):
        body = []
        for _ in range(PER_REQUEST):
            dice = rng.random()
            if dice < 0.01:
                body.append(corrupt_event(rng)[0])
                continue
            event = rng.choice(valid) if dice < 0.06 and valid else random_event(rng, users=5000, span_hours=60)
            valid.append(event)
            body.append(event)
        requests_.append(body)
    return oracle.unique(valid), requests_


def kill_each(stack, stop):
    """kill -9 of every process in turn while events flow; each must come back by itself."""
    for name in PROCESSES:
        old = stack.kill9(name)

        def back(process=name, before=old):
            row = stack.status()[process]
            return row["pid"] not in (0, before) and row["state"] == "ready"

        wait_for(back, 60, f"{name} to be back")
        if stop.is_set():
            return


def test_reports_are_exact_although_every_process_is_killed(stack):
    rng = random.Random(7)
    events, bodies = make_requests(rng)
    stop = threading.Event()
    killed = []

    def killer():
        kill_each(stack, stop)
        killed.append(True)

    thread = threading.Thread(target=killer)
    url = stack.url("gateway") + "/webhook/events"
    half = len(bodies) // 4
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda body: send(url, body), bodies[:half]))
        thread.start()
        # What is left is spread over the kills: a request every now and then until all have been killed.
        rest = iter(bodies[half:])
        while thread.is_alive():
            body = next(rest, None)
            if body is None:
                thread.join()
                break
            pool.submit(send, url, body).result()
        list(pool.map(lambda body: send(url, body), rest))
    thread.join()
    assert killed, "a killed process did not come back"

    stack.wait_ready()
    wait_for(lambda: report(stack, "events")["totalEvents"] >= len(events), 60, "all events to be stored")
    assert_events_equal(stack, events)
    for source in ("facebook", "tiktok"):
        assert_events_equal(stack, [e for e in events if e["source"] == source], source=source)
        kept = [e for e in events if e["source"] == source and e["funnelStage"] == "bottom"]
        assert_events_equal(stack, kept, source=source, funnelStage="bottom")
    times = sorted(oracle.moment(e) for e in events)
    start, end = times[len(times) // 3], times[2 * len(times) // 3]
    assert_events_equal(stack, oracle.in_range(events, start, end), **{"from": start.isoformat(), "to": end.isoformat()})
    assert_revenue_equal(stack, events)
    assert_demographics_equal(stack, events)


def test_rows_and_ledger_agree(stack):
    """Every accepted event is stored, a duplicate or dead, by the ledger's own word; no key twice."""
    [[keys, rows, distinct]] = stack.query(
        "SELECT (SELECT count(*) FROM event_keys), count(*), count(DISTINCT event_key) FROM processed_events")
    assert keys == rows == distinct
    [[events, stored, rest]] = stack.query("SELECT sum(events), sum(stored), sum(duplicates + dead + expired) FROM ledger")
    assert int(stored) == int(rows) and int(events) == int(stored) + int(rest)


def test_users_equal_a_recount(stack):
    """first_seen_at and last_seen_at of every user, counted again from the events."""
    differing = stack.query("""
        SELECT count(*) FROM user_demographics u FULL JOIN
          (SELECT source, user_id, min(timestamp) AS first, max(timestamp) AS last FROM processed_events GROUP BY 1, 2) e
        USING (source, user_id)
        WHERE u.first_seen_at IS DISTINCT FROM e.first OR u.last_seen_at IS DISTINCT FROM e.last""")
    assert differing == [["0"]]


def test_a_correlation_id_is_found_in_row_and_logs(stack):
    correlation = f"trace-{uuid.uuid4()}"
    event = random_event(random.Random())
    answer = requests.post(stack.url("gateway") + "/webhook/events", json=event, headers={"X-Correlation-Id": correlation},
                           timeout=30)
    assert answer.status_code == 200 and answer.headers["X-Correlation-Id"] == correlation
    wait_for(lambda: stack.query(f"SELECT count(*) FROM processed_events WHERE correlation_id = '{correlation}'") == [["1"]],
             15, "the event to be stored")
    role = "fb-collector" if event["source"] == "facebook" else "ttk-collector"
    wait_for(lambda: correlation in stack.run("logs", role).stdout, 15, f"the id in the log of {role}")
