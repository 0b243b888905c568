"""GET /reports/requests/{correlationId}: what became of a webhook request, through gateway, collectors and tables."""
import concurrent.futures
import csv
import io
import urllib.parse
import uuid

import pytest

from harness.collector import Publisher, context_line, line_of
from harness.events import facebook_event, facebook_checkout, tiktok_event, timestamp
from harness.reporter import roles
from harness.wait import wait_for

BAD = {"eventId": "bad", "source": "facebook"}
COUNTS = ("stored", "duplicates", "conflicts", "deadLettered", "expired")


class Pipeline:
    def __init__(self, start, database):
        self.database = database
        self.gateway = start("gateway")
        self.facebook, self.tiktok = start("fb-collector"), start("ttk-collector")
        self.reporter = start("reporter")

    def post(self, events, correlation_id=None):
        correlation_id = correlation_id or str(uuid.uuid4())
        answer = self.gateway.post("/webhook/events", events, headers={"X-Correlation-Id": correlation_id})
        assert answer.status_code == 200, answer.text
        return correlation_id

    def get(self, correlation_id, **query):
        return self.reporter.get("/reports/requests/" + urllib.parse.quote(correlation_id, safe=""), params=query)

    def requests(self, correlation_id):
        answer = self.get(correlation_id)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data["correlationId"] == correlation_id
        return data["requests"]

    def settled(self, correlation_id, events, count=1):
        """The newest of its requests, once all of these events are accounted for."""
        def done():
            found = self.requests(correlation_id)
            assert len(found) == count
            return sum(m["events"] for m in found[0]["messages"]) == events and found[0]
        return wait_for(done, 30, "the request to be settled")


@pytest.fixture(scope="module")
def p(nats, postgres):
    database = postgres.new_database()
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url) as start:
        p = Pipeline(start, database)
        yield p
    # Whatever the tests did: the runs of each message count what the ledger counts for it.
    assert database.value("SELECT count(*) FROM ledger l FULL JOIN (SELECT stream, seq, stored_at, sum(events) AS e,"
                          " sum(stored) AS s, sum(duplicates) AS d, sum(conflicts) AS c, sum(dead) AS x, sum(expired) AS p"
                          " FROM request_outcomes GROUP BY 1, 2, 3) o USING (stream, seq, stored_at)"
                          " WHERE (l.events, l.stored, l.duplicates, l.conflicts, l.dead, l.expired)"
                          " IS DISTINCT FROM (o.e, o.s, o.d, o.c, o.x, o.p)") == 0
    assert database.value("SELECT count(*) FROM request_outcomes") > 100


def counts(request):
    return {name: request[name] for name in COUNTS if request[name]}


def test_singles_that_share_messages(p):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda n: p.post([facebook_event, tiktok_event][n % 2]()), range(100)))
    for correlation_id in ids:
        request = p.settled(correlation_id, 1)
        assert counts(request) == {"stored": 1} and request["status"] == "stored"
        assert (request["accepted"], request["rejected"], request["pending"]) == (1, 0, 0)
        message, = request["messages"]
        assert message["events"] == 1 and message["stream"] in ("FACEBOOK_EVENTS", "TIKTOK_EVENTS")
        assert request["receivedAt"] <= message["processedAt"]


def test_many_events_in_several_messages(p):
    good = [[facebook_event, tiktok_event, facebook_checkout][n % 3]() for n in range(3000)]
    correlation_id = p.post([*good[:1400], BAD, *good[1400:], BAD])
    request = p.settled(correlation_id, 3000)
    assert counts(request) == {"stored": 3000} and request["status"] == "partly_stored"
    assert (request["accepted"], request["rejected"], request["pending"]) == (3000, 2, 0)
    assert len(request["messages"]) > 3
    assert {m["stream"] for m in request["messages"]} == {"FACEBOOK_EVENTS", "TIKTOK_EVENTS"}


def test_duplicates_and_conflicts_and_an_id_that_is_used_again(p):
    first, second, third = facebook_event(), facebook_event(), facebook_event()
    correlation_id = p.post([first, second])
    assert p.settled(correlation_id, 2)["status"] == "stored"
    changed = {**second, "data": {**second["data"], "user": {**second["data"]["user"], "age": 99}}}
    p.post([first, changed, third], correlation_id)
    newest = p.settled(correlation_id, 3, count=2)
    assert counts(newest) == {"stored": 1, "duplicates": 2, "conflicts": 1} and newest["status"] == "stored"
    older = p.requests(correlation_id)[1]
    assert older["receivedAt"] < newest["receivedAt"] and counts(older) == {"stored": 2}


def test_dead_letters_of_an_older_gateway(p, nats):
    with Publisher(nats) as publisher:
        lines = [context_line(2, "dead-1"), line_of(facebook_event()), line_of(BAD), context_line(1, "dead-2"), line_of(BAD)]
        publisher.raw("\n".join(lines) + "\n", 3)
    request = p.settled("dead-1", 2)
    assert counts(request) == {"stored": 1, "deadLettered": 1} and request["status"] == "partly_stored"
    assert request["accepted"] is None and request["rejected"] is None and request["pending"] is None
    request = p.settled("dead-2", 1)
    assert counts(request) == {"deadLettered": 1} and request["status"] == "rejected"


def test_expired(p):
    before = p.database.value("SELECT retained_from::text FROM retention")
    p.database.execute("UPDATE retention SET retained_from = '2020-01-01T00:00:00Z'")
    try:
        correlation_id = p.post([facebook_event(timestamp="2019-12-31T23:00:00Z"), facebook_event()])
        request = p.settled(correlation_id, 2)
    finally:
        p.database.execute("UPDATE retention SET retained_from = %s", (before,))
    assert counts(request) == {"stored": 1, "expired": 1} and request["status"] == "partly_stored"


def test_pending_while_a_collector_is_away(p):
    p.tiktok.terminate()
    try:
        correlation_id = p.post([facebook_event(), tiktok_event(), tiktok_event()])
        request = p.settled(correlation_id, 1)
        assert (request["accepted"], request["pending"], request["status"]) == (3, 2, "pending")
        alone = p.post(tiktok_event())
        assert p.get(alone).status_code == 404
    finally:
        p.tiktok.start()
    assert p.settled(correlation_id, 3)["status"] == "stored"
    assert p.settled(alone, 1)["status"] == "stored"


def test_what_is_unknown_says_how_far_the_tables_go(p):
    p.database.execute("DELETE FROM stream_progress")
    answer = p.get("never-sent")
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"
    assert "may be pending" in answer.json()["error"]
    # A collector that tells it itself only ever moves it on.
    p.database.execute("INSERT INTO stream_progress (stream, through) VALUES ('ANOTHER', '2026-01-31T12:00:00Z')"
                       " ON CONFLICT (stream) DO NOTHING")
    error = p.get("never-sent").json()["error"]
    p.database.execute("DELETE FROM stream_progress WHERE stream = 'ANOTHER'")
    assert "before 2026-01-31T12:00:00" in error and "may be pending" in error


def test_odd_ids_and_csv(p):
    for correlation_id in ('a/b c?"\\', "{correlationId}", "%2F", "'; DROP TABLE request_outcomes; --"):
        p.post(facebook_event(), correlation_id)
        assert p.settled(correlation_id, 1)["status"] == "stored"
    assert p.get("\xfc").status_code == 404
    assert p.get("x", nonsense=1).status_code == 400
    row, = csv.DictReader(io.StringIO(p.get("%2F", format="csv").text, newline=""))
    assert row["accepted"] == row["stored"] == "1" and row["status"] == "stored"


def test_an_id_that_no_gateway_writes_holds_nothing_up(p, nats):
    """It is the database that refuses the event with it: the message is stored all the same, without a row of the run."""
    event = facebook_event()
    with Publisher(nats) as publisher:
        payload = b'{"correlationId":"\xff","receivedAt":"%s","count":1}\n%s\n' % (timestamp().encode(), line_of(event).encode())
        seq = publisher.raw(payload, 1)
    wait_for(lambda: p.database.value(f"SELECT dead FROM ledger WHERE seq = {seq} AND stream = 'FACEBOOK_EVENTS'") == 1, 30,
             "the message to be stored")
    assert p.database.value(f"SELECT count(*) FROM request_outcomes WHERE seq = {seq} AND stream = 'FACEBOOK_EVENTS'") == 0
    p.database.execute(f"DELETE FROM ledger WHERE seq = {seq} AND stream = 'FACEBOOK_EVENTS'")


def test_the_newest_hundred(p):
    p.database.execute("INSERT INTO request_outcomes SELECT now() - i * interval '1 second', now(), i, -i, 1, 1, 0, 0, 0, 0, 1, 0,"
                       " 'NONE', 'often' FROM generate_series(1, 150) AS i")
    found = p.requests("often")
    p.database.execute("DELETE FROM request_outcomes WHERE stream = 'NONE'")
    assert [r["messages"][0]["seq"] for r in found] == list(range(1, 101))
