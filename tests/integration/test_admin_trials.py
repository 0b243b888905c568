"""bulk-test and stress-test: they pass on a sound pipeline, on a database that holds other events too, and fail, saying
why, on one that is not sound."""
import json
import random
import subprocess

import pytest

from harness.collector import Publisher
from harness.events import random_event
from harness.process import free_port
from harness.reporter import roles
from harness.binary import sluice_binary
from harness.roles import clean_environment


@pytest.fixture(scope="module")
def pipeline(nats, database):
    """gateway, both collectors, reporter; and events of others in the database and on their way."""
    rng = random.Random(3)
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url) as start:
        started = {name: start(name) for name in ("gateway", "fb-collector", "ttk-collector", "reporter")}
        for source in ("facebook", "tiktok"):
            with Publisher(nats, source) as publisher:
                publisher.send_in_messages([e for e in (random_event(rng) for _ in range(600)) if e["source"] == source])
        yield started


def run(command, gateway, reporter, *flags, seconds=120):
    urls = ["--gateway", gateway if isinstance(gateway, str) else gateway.url,
            "--reporter", reporter if isinstance(reporter, str) else reporter.url]
    done = subprocess.run([sluice_binary(), command, *urls, *flags], capture_output=True, text=True, timeout=seconds,
                          check=False, env=clean_environment(None))
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def test_bulk_test_passes(pipeline):
    done = run("bulk-test", pipeline["gateway"], pipeline["reporter"], "--events", "3000", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["ok"] and result["problem"] is None and result["figuresCompared"] > 20
    batches, bulk = result["phases"]
    assert (batches["requests"], batches["accepted"], batches["rejected"]) == (3, 3000, 0)
    assert (bulk["requests"], bulk["accepted"]) == (1, 3000)
    for phase in result["phases"]:
        assert 0 < phase["p50Ms"] <= phase["p95Ms"] <= phase["p99Ms"] <= phase["maxMs"]
        assert phase["eventsPerSecond"] == pytest.approx(3000 / phase["seconds"], rel=0.01)


def test_bulk_test_says_it_in_words(pipeline):
    done = run("bulk-test", pipeline["gateway"], pipeline["reporter"], "--events", "1500")
    assert done.returncode == 0
    assert "1500 events in 2 requests" in done.stdout and "events/s" in done.stdout and "p99" in done.stdout
    assert "all 3000 events" in done.stdout and "all exact" in done.stdout


def test_stress_test_passes(pipeline):
    done = run("stress-test", pipeline["gateway"], pipeline["reporter"], "--minutes", "0.05", "--rate", "300", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    phase = result["phases"][0]
    assert phase["accepted"] == 900 and 2.8 < phase["seconds"] < 5 and phase["requests"] == 450


@pytest.fixture
def tampered(pipeline, database):
    """A trigger that spoils one event of a bulk-test as it is stored; what it did is undone afterwards."""
    undo = []

    def tamper(table, assignment):
        database.execute(f"""
            CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF NEW.event_id LIKE 'bulk-test-%-fb-000000%' THEN {assignment} END IF;
              RETURN NEW;
            END $$;
            CREATE TRIGGER spoil BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION spoil()""")
        undo.append(f"DROP TRIGGER spoil ON {table}; DROP FUNCTION spoil()")

    yield tamper
    for statement in undo:
        database.execute(statement)


def test_a_wrong_amount_is_found(pipeline, tampered):
    tampered("revenue_transactions", "NEW.amount := NEW.amount + 0.01;")
    done = run("bulk-test", pipeline["gateway"], pipeline["reporter"], "--events", "1000")
    assert done.returncode == 1
    assert "FAILED" in done.stdout and "totalRevenue" in done.stdout and "reported" in done.stdout


def test_without_a_gateway_it_fails_at_once(pipeline):
    done = run("bulk-test", f"http://127.0.0.1:{free_port()}/", pipeline["reporter"], "--events", "10", seconds=15)
    assert done.returncode == 1 and "/health/readiness" in done.stdout and "connect" in done.stdout


def test_without_a_reporter_it_fails_at_once(pipeline):
    done = run("bulk-test", pipeline["gateway"], f"http://127.0.0.1:{free_port()}", "--events", "10", seconds=15)
    assert done.returncode == 1 and "reports/events" in done.stdout and "connect" in done.stdout


WRONG = [
    (["--events", "0"], "--events"), (["--events", "50001"], "--events"), (["--connections", "x"], "--connections"),
    (["--gateway", "nowhere at all"], "nowhere"), (["--minutes", "1"], "--minutes"),
]


@pytest.mark.parametrize("flags,named", WRONG, ids=[" ".join(flags) for flags, _ in WRONG])
def test_wrong_flags(flags, named):
    done = subprocess.run([sluice_binary(), "bulk-test", *flags], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and named in done.stderr


@pytest.mark.parametrize("flags", [["--minutes", "0"], ["--minutes", "-1"], ["--rate", "0"], ["--rate", "10.5"],
                                   ["--minutes", "9000", "--rate", "1000000"]])
def test_wrong_stress(flags):
    done = subprocess.run([sluice_binary(), "stress-test", *flags], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and done.stderr.startswith("sluice stress-test: ")
