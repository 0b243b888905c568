"""GET /reports/rejects: what was rejected, newest first, without holding up anything else."""
import concurrent.futures
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.events import facebook_event, tiktok_event, timestamp
from harness.gateway import gateway_fixture
from harness.roles import clean_environment
from harness.servers import NatsServer
from harness.wait import wait_for

gateway = gateway_fixture()


@pytest.fixture(scope="module")
def migrated(database):
    subprocess.run([sluice_binary(), "migrate"], env=clean_environment({"DATABASE_URL": database.url}), check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    return database


@pytest.fixture
def reporter(start_role, migrated):
    return start_role("reporter").wait_ready()


@pytest.fixture
def empty(nats, gateway):
    with nats.client() as client:
        client.api("STREAM.PURGE.EVENTS_DLQ")


def rejects(reporter, **query):
    answer = reporter.get("/reports/rejects", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def reject(gateway, *events, correlation="corr-1"):
    assert gateway.post("/webhook/events", list(events), headers={"X-Correlation-Id": correlation}).status_code in (200, 400)


def test_what_the_gateway_rejected(nats, gateway, empty, reporter):
    before = timestamp()
    reject(gateway, facebook_event(), facebook_event(eventId=...), tiktok_event(**{"data.user.followers": "many"}))
    reject(gateway, {"source": "myspace"}, correlation="corr-2")
    data = rejects(reporter)
    assert data["total"] == 3 and data["scanned"] == 3 and data["complete"] is True and data["next"] is None
    assert data["byReason"] == {"missing_field": 1, "unknown_value": 1, "wrong_type": 1} and data["scanLimit"] == 50000
    assert data["bySource"] == {"facebook": 1, "tiktok": 1, "unknown": 1}
    newest, second, oldest = data["rejects"]
    assert set(newest) == {"seq", "rejectedAt", "receivedAt", "source", "reason", "pointer", "detail", "correlationId", "origin",
                           "index", "bytes"}
    assert newest["seq"] > second["seq"] > oldest["seq"]
    assert (newest["source"], newest["correlationId"], newest["origin"]) == ("unknown", "corr-2", "gateway")
    assert (second["source"], second["reason"], second["pointer"], second["detail"], second["index"], second["correlationId"]) == (
        "tiktok", "wrong_type", "/data/user/followers", "expected a number", 2, "corr-1")
    assert oldest["pointer"] == "/eventId" and before <= oldest["receivedAt"] and oldest["bytes"] > 100
    assert reporter.metrics()['reporter_reports_generated_total{report="rejects"}'] == 1


def test_filters(nats, gateway, empty, reporter):
    reject(gateway, facebook_event(eventId=...), correlation="a")
    between = timestamp()
    reject(gateway, tiktok_event(eventId=...), correlation="b")
    reject(gateway, facebook_event(**{"data.user.age": "x"}), correlation="b c")
    ids = [r["correlationId"] for r in rejects(reporter)["rejects"]]
    assert ids == ["b c", "b", "a"]
    for query, wanted in [
        ({"source": "facebook"}, ["b c", "a"]),
        ({"source": "unknown"}, []),
        ({"reason": "missing_field"}, ["b", "a"]),
        ({"correlationId": "b c"}, ["b c"]),
        ({"from": between}, ["b c", "b"]),
        ({"to": between}, ["a"]),
        ({"from": between, "source": "facebook"}, ["b c"]),
        ({"to": "1900-01-01T00:00:00Z"}, []),
        ({"from": "1900-01-01T00:00:00Z", "to": "9999-01-01T00:00:00Z"}, ["b c", "b", "a"]),
        ({"from": "9000-01-01T00:00:00Z"}, ["b c", "b", "a"]),
        ({"limit": 2}, ["b c", "b"]),
    ]:
        assert [r["correlationId"] for r in rejects(reporter, **query)["rejects"]] == wanted, query


def fill(nats, count):
    with nats.client() as client:
        for i in range(count):
            client.publish("dlq.facebook", b"{}", {"Dlq-Reason": "wrong_type", "Dlq-Correlation-Id": f"corr-{i}"})
        return client.stream_state("EVENTS_DLQ")


def test_pages(nats, gateway, empty, reporter):
    assert fill(nats, 3500)["messages"] == 3500
    seen, before = [], {}
    while True:
        data = rejects(reporter, limit=1000, **before)
        seen += [r["correlationId"] for r in data["rejects"]]
        if data["next"] is None:
            break
        before = {"before": data["next"]}
    assert seen == [f"corr-{i}" for i in reversed(range(3500))]


def test_more_than_one_request_looks_at(nats, gateway, empty, reporter):
    fill(nats, 50200)
    data = rejects(reporter, limit=10)
    assert data["scanned"] <= 50000 and data["complete"] is False and len(data["rejects"]) == 10
    data = rejects(reporter, correlationId="corr-3")
    assert data["rejects"] == [] and data["complete"] is False
    while data["next"] is not None and not data["rejects"]:
        data = rejects(reporter, correlationId="corr-3", before=data["next"])
    assert [r["correlationId"] for r in data["rejects"]] == ["corr-3"]


def test_bad_queries(gateway, reporter):
    for query in ("limit=0", "limit=1001", "limit=x", "before=0", "source=myspace", "reason=", "reason=%00", "correlationId=%ff",
                  "x=1", "from=yesterday", "limit=1&limit=2", "campaignId=c"):
        answer = reporter.get("/reports/rejects?" + query)
        assert answer.status_code == 400 and answer.json()["code"] == "bad_parameter", (query, answer.text)
    assert reporter.post("/reports/rejects").status_code == 405


def test_hostile_contents(nats, gateway, empty, reporter):
    value = '\x1b[31m "\\ </script> \u202e ' + "x" * 3000
    with nats.client() as client:
        client.js_publish("dlq.facebook", b"\x00\xff" * 100, {"Dlq-Reason": value, "Dlq-Detail": value, "Dlq-Pointer": value,
                                                            "Dlq-Correlation-Id": value, "Dlq-Index": "-1"})
        client.js_publish("dlq.a.b", b"", {})
    data = rejects(reporter)
    assert data["rejects"][1]["detail"] == value.strip() and data["rejects"][1]["index"] == 0
    assert data["rejects"][0]["source"] == "a.b" and data["rejects"][0]["reason"] is None
    assert sum(data["byReason"].values()) == 2


def test_nats_away_and_back(start_role, migrated):
    server = NatsServer()
    try:
        reporter = start_role("reporter", env={"NATS_URL": server.url}).wait_ready()

        def refused(says):
            answer = reporter.get("/reports/rejects")
            body = answer.json()
            return answer.status_code == 503 and body["code"] == "nats_unavailable" and says in body["error"] and int(
                answer.headers["Retry-After"]) > 0

        assert refused("NATS does not answer")
        assert reporter.get("/reports/events").status_code == 200
        server.start()
        wait_for(lambda: refused("no stream of dead letters"), 60, "the missing stream to be told")
        done = subprocess.run([sluice_binary(), "init"], env=clean_environment({"NATS_URL": server.url}), timeout=60, check=False)
        assert done.returncode == 0
        assert rejects(reporter)["rejects"] == []
        server.stop()
        wait_for(lambda: refused("NATS does not answer"), 60, "the lost server to be told")
        assert reporter.get("/reports/events").status_code == 200
        assert reporter.metrics()['reporter_reports_failed_total{report="rejects",reason="nats"}'] >= 3
    finally:
        server.remove()


def test_a_paused_server_holds_up_nothing_else(start_role, migrated):
    server = NatsServer()
    try:
        server.start()
        env = clean_environment({"NATS_URL": server.url})
        wait_for(lambda: subprocess.run([sluice_binary(), "init"], env=env, timeout=60, check=False).returncode == 0, 30, "streams")
        reporter = start_role("reporter", env={"NATS_URL": server.url}).wait_ready()
        assert rejects(reporter)["total"] == 0
        server.pause()
        with concurrent.futures.ThreadPoolExecutor(24) as threads:
            waiting = [threads.submit(reporter.get, "/reports/rejects", timeout=60) for _ in range(24)]
            for _ in range(20):
                assert reporter.get("/reports/events", timeout=10).status_code == 200
                assert reporter.get("/health/liveness", timeout=10).status_code == 200
            server.resume()
            codes = {answer.json().get("code") for answer in (w.result() for w in waiting) if answer.status_code != 200}
        assert codes <= {"nats_unavailable", "overloaded", "timeout"}
        wait_for(lambda: rejects(reporter)["total"] == 0, 60, "the rejects to be read again")
    finally:
        server.remove()


def test_without_the_database(nats, gateway, start_role):
    """Dead letters are read although the database is away."""
    reporter = start_role("reporter", env={"DATABASE_URL": "postgresql://127.0.0.1:9/none"}).wait_alive()
    assert reporter.get("/reports/rejects").status_code == 200
    assert reporter.get("/reports/events").status_code == 503
