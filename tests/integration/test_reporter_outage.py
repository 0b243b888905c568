"""The reporter while the database is slow, away, paused or back; and under more requests than it takes."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import time

import psycopg2
import pytest

from harness.binary import sluice_binary
from harness.servers import PostgresServer, running
from harness.wait import wait_for, within


@pytest.fixture(scope="module")
def postgres():
    """A cluster of our own: these tests stop it."""
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture(scope="module")
def database(postgres):
    database = postgres.new_database()
    subprocess.run([sluice_binary(), "migrate"], env={"DATABASE_URL": database.url}, check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    return database


def assert_unavailable(answer, code="database_unavailable"):
    assert answer.status_code == 503 and answer.json()["code"] == code, answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_database_stopped_and_back(start_role, postgres, database):
    role = start_role("reporter").wait_ready()
    assert role.get("/reports/events").status_code == 200
    postgres.stop()
    assert_unavailable(role.get("/reports/events"))
    wait_for(lambda: role.get("/health/readiness").status_code == 503, 15, "readiness to notice")
    assert "database" in role.get("/health/readiness").text
    assert role.get("/health/liveness").status_code == 200
    assert role.metrics()["reporter_database_up"] == 0
    postgres.start()
    role.wait_ready()
    assert role.get("/reports/events").status_code == 200
    assert role.metrics()['reporter_reports_failed_total{report="events",reason="database"}'] >= 1


def test_a_restart_between_two_reports_fails_none(start_role, postgres, database):
    role = start_role("reporter", env={"REPORT_POOL": "1"}).wait_ready()
    assert role.get("/reports/events").status_code == 200
    postgres.kill9()
    postgres.start()
    assert role.get("/reports/events").status_code == 200


class Locked:
    """Reports wait as long as this holds the tables."""

    def __init__(self, database):
        self.connection = psycopg2.connect(database.url)
        self.connection.cursor().execute("LOCK TABLE processed_events, event_counts IN ACCESS EXCLUSIVE MODE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.rollback()
        self.connection.close()


def active(database):
    return database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice reporter'"
                          " AND state = 'active'")


def test_a_slow_report_is_given_up(start_role, database):
    role = start_role("reporter", env={"REPORT_TIMEOUT": "500ms"}).wait_ready()
    with Locked(database):
        started = time.monotonic()
        assert_unavailable(role.get("/reports/events"), "report_timeout")
        assert 0.4 < time.monotonic() - started < within(5)
        wait_for(lambda: active(database) == 0, 10, "the query to be gone")
    assert role.get("/reports/events").status_code == 200
    assert role.metrics()['reporter_reports_failed_total{report="events",reason="timeout"}'] == 1


def test_the_request_timeout_cancels_the_query(start_role, database):
    role = start_role("reporter", env={"REPORT_TIMEOUT": "60s", "REQUEST_TIMEOUT": "1s"}).wait_ready()
    with Locked(database):
        assert role.get("/reports/events").status_code == 503
        wait_for(lambda: active(database) == 0, 10, "the query to be cancelled")
        assert role.metrics()['reporter_reports_failed_total{report="events",reason="gone"}'] == 1
    assert role.get("/reports/events").status_code == 200


def test_too_many_reports_are_refused_at_once(start_role, database):
    role = start_role("reporter", env={"REPORT_POOL": "1", "REPORT_TIMEOUT": "60s", "REQUEST_TIMEOUT": "60s"}).wait_ready()
    queue = 16
    with concurrent.futures.ThreadPoolExecutor(queue + 20) as pool:
        with Locked(database):
            answers = [pool.submit(role.get, "/reports/events", timeout=90) for _ in range(queue + 1 + 10)]
            wait_for(lambda: sum(a.done() for a in answers) == 10, 20, "what is too much to be refused")
            for answer in answers:
                if answer.done():
                    assert_unavailable(answer.result(), "overloaded")
            metrics = role.metrics()
            assert metrics["reporter_queue_depth"] == queue and metrics["reporter_reports_running"] == 1
        statuses = sorted(a.result().status_code for a in answers)
    assert statuses == [200] * (queue + 1) + [503] * 10


@contextlib.contextmanager
def frozen(postgres):
    """Nothing of the server moves: the postmaster and every process of it."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postgres.pid)], capture_output=True, text=True, check=True)
    pids = [postgres.pid] + [int(pid) for pid in children.stdout.split()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_frozen_database_holds_nothing_for_ever(start_role, postgres, database):
    role = start_role("reporter", env={"REPORT_TIMEOUT": "1s", "REPORT_POOL": "1"}).wait_ready()
    assert role.get("/reports/events").status_code == 200
    with frozen(postgres):
        assert_unavailable(role.get("/reports/events"), "report_timeout")
        assert_unavailable(role.get("/reports/events"))  # by now it has no connection and gets none
        wait_for(lambda: role.get("/health/readiness").status_code == 503, 20, "readiness to notice")
        assert role.get("/health/liveness").status_code == 200
    role.wait_ready()
    assert role.get("/reports/events").status_code == 200


def test_a_frozen_database_does_not_hold_the_end(start_role, postgres, database):
    role = start_role("reporter", env={"SHUTDOWN_TIMEOUT": "2s"}).wait_ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Locked(database), frozen(postgres):
            answer = pool.submit(role.get, "/reports/events", timeout=60)
            wait_for(lambda: role.metrics()["reporter_reports_running"] == 1, 10, "the report to run")
            assert role.terminate(15) == 0
            assert answer.result().status_code == 503


def test_terminate_finishes_what_runs(start_role, database):
    role = start_role("reporter", env={"REPORT_TIMEOUT": "60s"}).wait_ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Locked(database):
            answer = pool.submit(role.get, "/reports/events", timeout=60)
            wait_for(lambda: active(database) == 1, 10, "the query to run")
            role.signal(signal.SIGTERM)
        assert answer.result().status_code == 200
    assert role.process.popen.wait(timeout=30) == 0


def test_terminate_cuts_what_does_not_end(start_role, database):
    role = start_role("reporter", env={"REPORT_TIMEOUT": "60s", "SHUTDOWN_TIMEOUT": "1s"}).wait_ready()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        with Locked(database):
            answers = [pool.submit(role.get, "/reports/events", timeout=60) for _ in range(3)]
            wait_for(lambda: active(database) == 3, 10, "the queries to run")
            assert role.terminate(15) == 0
            assert [a.result().status_code for a in answers] == [503] * 3
            wait_for(lambda: active(database) == 0, 10, "the queries to be gone")
