"""The property of all reports: whatever was stored in whatever order, and whatever is asked, the answer is what counting
the accepted events one by one gives.

PROPERTY_SEED draws other events and queries, PROPERTY_QUERIES another number of them; a failure says what they were.
"""
import contextlib
import datetime
import json
import os
import random
from decimal import Decimal

import psycopg2
import pytest
import requests

from harness.brute_force import Oracle
from harness.property_events import draw_waves
from harness.property_queries import random_query
from harness.reporter import roles, store
from harness.rollup_recount import assert_rollups_are_right

SEED = os.environ.get("PROPERTY_SEED", "1")
QUERIES = int(os.environ.get("PROPERTY_QUERIES", "1000"))
EVENTS = 2000
WAVES = 4
RETAINED = datetime.datetime(2026, 3, 22, tzinfo=datetime.timezone.utc)
WHEN_IT_CAME = {"receivedAt", "processedAt", "correlationId"}


@contextlib.contextmanager
def deltas_stay(database):
    """Holds the lock under which collectors merge what transactions added to the cubes."""
    with contextlib.closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('sluice.cubes', 0))")
        yield


def store_wave(nats, database, number, wave):
    """The cubes of the even waves are merged when they have come, those of the odd ones are not until the next."""
    with deltas_stay(database) if number % 2 else contextlib.nullcontext():
        store(nats, database, wave.sent, len(wave.accepted))
    if number % 2 == 0:
        database.execute("SELECT merge_cube_deltas()")
    assert (database.value("SELECT count(*) FROM cube_deltas") > 0) == (number % 2 == 1)


def differences(got, wanted, path="data"):
    """Where an answer is another than expected, line by line."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        for name in {**got, **wanted}:
            yield from differences(got.get(name, ...), wanted.get(name, ...), f"{path}.{name}")
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for i, pair in enumerate(zip(got, wanted)):
            yield from differences(*pair, f"{path}[{i}]")
    elif got != wanted:
        yield f"{path}\n    answer:   {got!r}\n    expected: {wanted!r}"


def check(session, reporter, query, known):
    answer = session.get(reporter.url + query.url, timeout=60)
    body = json.loads(answer.text, parse_float=Decimal)
    got = body.get("data", body.get("code"))
    if query.path[0] == "events" and isinstance(got, dict):
        got = {name: value for name, value in got.items() if name not in WHEN_IT_CAME}
    status, wanted = known.answer(query.path, query.parameters)
    if (answer.status_code, got) != (status, wanted):
        lines = list(differences(got, wanted)) or [f"{answer.status_code} instead of {status}"]
        raise AssertionError("\n".join([f"GET {query.url}", *lines[:20], f"answer: {answer.status_code} {answer.text[:20000]}",
                                        f"expected: {status} {str(wanted)[:20000]}"]))


def check_many(session, reporter, turn, known):
    """The first queries of a turn are the same whatever their number."""
    rng = random.Random(f"{SEED} {turn}")
    for number in range(-(-QUERIES // (WAVES + 1))):
        try:
            check(session, reporter, random_query(rng, known.accepted), known)
        except AssertionError as error:
            raise AssertionError(f"PROPERTY_SEED={SEED} PROPERTY_QUERIES={QUERIES}, query {number} {turn}: {error}") from None


@pytest.mark.timeout(max(300, QUERIES // 2))
def test_every_report_is_what_counting_gives(nats, database):
    waves = draw_waves(random.Random(SEED), EVENTS, WAVES)
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url, REPORT_POOL="2") as start, requests.Session() as session:
        reporter = start("reporter", ready=False)  # there are no tables yet
        for number, wave in enumerate(waves):
            store_wave(nats, database, number, wave)
            check_many(session, reporter, f"behind wave {number}", Oracle(wave.accepted))
        assert_rollups_are_right(database)
        database.execute("UPDATE retention SET retained_from = %s", (RETAINED,))
        check_many(session, reporter, "with old events gone", Oracle(waves[-1].accepted, RETAINED))
