"""Reports from a read replica: what was stored on the primary is seen there, and nothing is written to it."""
import pytest

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
