"""The reporter's face: bad queries, methods, health, metrics, logs, rows of its own."""
import json
import subprocess
import uuid

import pytest

from harness.reporter import roles
from harness.binary import sluice_binary
from harness.wait import wait_for


def migrate(database):
    done = subprocess.run([sluice_binary(), "migrate"], env={"DATABASE_URL": database.url}, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def reporter(database):
    migrate(database)
    with roles(DATABASE_URL=database.url, LOG_LEVEL="debug") as start:
        yield start("reporter")


BAD_QUERIES = [
    ("events?from=yesterday", "from"), ("events?to=2026-01-31", "to"), ("events?from=", "from"),
    ("events?from=2026-02-30T00:00:00Z", "from"), ("events?source=myspace", "source"),
    ("events?funnelStage=middle", "funnelStage"), ("events?eventType=nothing", "eventType"),
    ("events?source=facebook&source=facebook", "source"), ("events?sauce=facebook", "sauce"),
    ("events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"), ("events?source", "source"),
    ("events?campaignId=x", "campaignId"), ("revenue?eventType=purchase", "eventType"), ("revenue?campaignId=", "campaignId"),
    ("revenue?campaignId=%00", "campaignId"), ("revenue?campaignId=%ff", "campaignId"),
    ("revenue?campaignId=" + "c" * 201, "campaignId"), ("revenue?currency=dollars", "currency"),
    ("demographics?funnelStage=top", "funnelStage"), ("demographics?currency=USD", "currency"),
    ("events?from=2026-01-01T00:00:00Z%00", "from"), ("events?%00=1", "unknown parameter"),
]


@pytest.mark.parametrize("query,named", BAD_QUERIES)
def test_a_bad_filter_is_named(reporter, query, named):
    answer = reporter.get("/reports/" + query, headers={"X-Correlation-Id": "wrong-1"})
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["success"] is False and body["code"] == "bad_parameter" and named in body["error"]
    assert body["correlationId"] == answer.headers["X-Correlation-Id"] == "wrong-1"
    assert body["timestamp"].endswith("Z")


def test_hostile_text_makes_no_log_lines(reporter):
    hostile = "%0d%0a%1b[31m%7b%22level%22:%22error%22%7d';%20DROP%20TABLE%20processed_events;--"
    assert reporter.get("/reports/" + hostile).status_code == 404
    assert reporter.get("/reports/revenue?campaignId=" + hostile).json()["data"]["transactionCount"] == 0
    assert reporter.get("/reports/events?source=" + hostile).status_code == 400
    assert reporter.get("/reports/events", headers={"X-Correlation-Id": "\x1b[31mforged"}).status_code == 200
    wait_for(lambda: "forged" not in reporter.log_text() and "DROP" in reporter.log_text(), what="the path to be logged")
    assert "\x1b" not in reporter.log_text()
    for line in reporter.log_text().splitlines():
        assert json.loads(line)["service"] == "reporter"


def test_without_events_all_is_zero(reporter):
    data = reporter.get("/reports/events").json()["data"]
    assert data["totalEvents"] == 0 and data["timeRange"] == {"from": None, "to": None}
    answer = reporter.get("/reports/revenue?currency=eur")
    assert '"totalRevenue":0.00' in answer.text
    assert answer.json()["data"]["currency"] == "EUR" and answer.json()["data"]["transactionCount"] == 0
    data = reporter.get("/reports/demographics").json()["data"]
    assert set(data["facebook"]["ageGroups"].values()) == {0} and data["tiktok"]["topCountries"] == []


def test_methods_and_paths(reporter):
    wrong = reporter.post("/reports/events", {})
    assert wrong.status_code == 405 and "GET" in wrong.headers["Allow"]
    assert reporter.get("/reports/nothing").status_code == 404
    assert reporter.get("/reports/events/").status_code == 404


def test_an_equal_range_is_empty(reporter):
    when = "2026-01-01T00:00:00Z"
    data = reporter.get(f"/reports/events?from={when}&to={when}").json()["data"]
    assert data["totalEvents"] == 0 and data["timeRange"] == {"from": "2026-01-01T00:00:00.000Z",
                                                               "to": "2026-01-01T00:00:00.000Z"}


def test_health_names_the_database(reporter):
    health = reporter.get("/health").json()
    assert health["status"] == "ok" and set(health["dependencies"]) == {"database"}


def test_metrics(reporter):
    before = reporter.metrics()
    reporter.get("/reports/revenue")
    reporter.get("/reports/revenue?x=1")
    after = reporter.metrics()

    def grown(series):
        return after[series] - before.get(series, 0)

    assert grown('reporter_reports_generated_total{report="revenue"}') == 1
    assert grown('reporter_report_generation_duration_seconds_count{report="revenue"}') == 1
    assert grown('reporter_reports_failed_total{report="revenue",reason="bad_request"}') == 1
    assert after["reporter_database_up"] == 1
    assert "reporter_queue_depth" in after and "reporter_reports_running" in after
    text = reporter.get("/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_metrics_are_stored_once_a_minute(database, start_role):
    """At the latest when it stops: the minute that ended early."""
    migrate(database)
    role = start_role("reporter").wait_ready()
    role.get("/reports/events")
    assert role.terminate() == 0
    rows = database.query("SELECT metric, value, instance, minute FROM event_metrics WHERE service = 'reporter'"
                          " AND instance LIKE %s", (f"%-{role.pid}-%",))
    assert len(rows) > 10
    assert (1.0,) in [(value,) for metric, value, *_ in rows if metric == 'reporter_reports_generated_total{report="events"}']
    assert all(minute.second == 0 for *_, minute in rows)
    assert len({(metric, instance, minute) for metric, _, instance, minute in rows}) == len(rows)


def test_an_unusable_schema_is_not_ready(postgres, start_role):
    database = postgres.new_database()
    role = start_role("reporter", env={"DATABASE_URL": database.url}).wait_alive()

    def said():
        answer = role.get("/health/readiness")
        return answer.status_code == 503 and "sluice migrate" in json.dumps(answer.json())

    wait_for(said, 15, "readiness to name the schema")
    answer = role.get("/reports/events")
    assert answer.status_code == 503 and answer.json()["code"] == "database_unavailable" and "Retry-After" in answer.headers
    assert "processed_events" not in answer.text
    migrate(database)
    role.wait_ready()
    assert role.get("/reports/events").status_code == 200


def test_a_wrong_setting_is_an_error_at_start():
    done = subprocess.run([sluice_binary(), "reporter", "--report-pool", "0"], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == 2 and "REPORT_POOL" in done.stderr.upper().replace("-", "_")


def test_logs_hold_the_correlation_id_of_a_failure_only(reporter):
    correlation = str(uuid.uuid4())
    assert reporter.get("/reports/events", headers={"X-Correlation-Id": correlation}).status_code == 200
    assert all(isinstance(line, dict) for line in reporter.log_lines())
    assert not [line for line in reporter.log_lines() if line.get("level") in ("error", "warn")
                and line.get("correlationId") == correlation]
