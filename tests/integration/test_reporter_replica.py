"""Reports from a read replica: what was stored on the primary is seen there, and nothing is written to it."""
import contextlib
import subprocess

import psycopg2
import pytest

from harness.binary import sluice_binary
from harness.clusters import make_standby
from harness.events import facebook_event
from harness.servers import PostgresServer, running
from harness.wait import wait_for


@pytest.fixture(name="primary")
def primary_fixture():
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture
def database(primary):
    return primary.new_database()


@pytest.fixture(name="replica")
def replica_fixture(primary, database):
    server = make_standby(primary, synchronous=False)
    try:
        yield server
    finally:
        server.remove()


def test_a_slow_replica_is_given_up(primary, database, replica, start_role):
    """An exclusive lock on the primary is one on the replica as well."""
    subprocess.run([sluice_binary(), "migrate"], env={"DATABASE_URL": database.url}, check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    role = start_role("reporter", env={"REPORT_DATABASE_URL": replica.url_of(database.name), "REPORT_TIMEOUT": "500ms"})
    wait_for(lambda: role.get("/reports/events").status_code == 200, 30, "the replica to have the schema")

    def active():
        [[n]] = replica.query(database.name, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                              " AND application_name = 'sluice reporter'")
        return n

    with contextlib.closing(psycopg2.connect(database.url)) as connection:
        connection.cursor().execute("LOCK TABLE processed_events, event_counts IN ACCESS EXCLUSIVE MODE")
        database.execute("CREATE TABLE sent_at_once ()")  # a commit sends the log up to it, with the lock

        def given_up():
            answer = role.get("/reports/events")
            return answer.status_code == 503 and answer.json()["code"] == "report_timeout" and "Retry-After" in answer.headers

        wait_for(given_up, 30, "the lock to arrive at the replica")
        wait_for(lambda: active() == 0, 20, "the query to be gone from the replica")
    wait_for(lambda: role.get("/reports/events").status_code == 200, 30, "the lock to be gone from the replica")


def test_reports_read_the_replica_and_samples_go_to_the_primary(primary, database, replica, nats, start_role):
    gateway, collector = start_role("gateway"), start_role("fb-collector")
    reporter = start_role("reporter", env={"REPORT_DATABASE_URL": replica.url_of(database.name)})
    for role in (gateway, collector, reporter):
        wait_for(lambda r=role: r.get("/health/readiness").status_code == 200, 30, f"{role.name} to be ready")

    def total():
        return reporter.get("/reports/events").json()["data"]["totalEvents"]

    events = [facebook_event() for _ in range(20)]
    assert gateway.post("/webhook/events", events).status_code == 200
    wait_for(lambda: total() == 20, 30, "the events to come by way of the replica")
    [[reading]] = replica.query(database.name, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%reporter%'")
    assert reading > 0
    reporter.terminate()
    [[samples]] = database.query("SELECT count(*) FROM event_metrics WHERE service = 'reporter'")
    assert samples > 0, "the last minute's samples are written when it ends"

    primary.kill9()
    reporter.start()
    wait_for(lambda: total() == 20, 30, "reports while the primary is away")
