"""Reports from rollups are exact for any range, filter and group: everything is counted again from the events."""
import datetime
import itertools
import json
import random
from decimal import Decimal

import pytest

from harness import oracle
from harness.events import timestamp
from harness.reporter import roles, store
from harness.spread import DIMENSIONS, amount, groups, keep, random_event, random_time

EVENTS = 2400


@pytest.fixture(scope="module")
def events():
    rng = random.Random(31)
    return [random_event(rng) for _ in range(EVENTS)]


@pytest.fixture(scope="module")
def reporter(nats, database, events):
    """Half of the events are in the totals of the cubes, the rest in what was added since."""
    store(nats, database, events[:EVENTS // 2], EVENTS // 2)
    database.execute("SELECT merge_cube_deltas()")
    store(nats, database, events[EVENTS // 2:], EVENTS)
    with roles(DATABASE_URL=database.url, REPORT_POOL="2") as start:
        yield start("reporter")


def ask(reporter, report, start=None, end=None, **parameters):
    bounds = {**({"from": timestamp(start)} if start else {}), **({"to": timestamp(end)} if end else {})}
    answer = reporter.get(f"/reports/{report}", params={**bounds, **parameters})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)["data"]


def random_range(rng):
    start, end = sorted([random_time(rng), random_time(rng)])
    if rng.random() < 0.3:  # inside of a bucket, or just over its bound
        end = start + datetime.timedelta(microseconds=rng.choice([0, 1, 5 * 10**6, 61 * 10**6, 3601 * 10**6]))
    return rng.choice([(start, end), (start, end), (start, end), (start, None), (None, end), (None, None)])


def some(rng, **choices):
    return {name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.35}


def event_filters(rng):
    return some(rng, source=["facebook", "tiktok"], funnelStage=["top", "bottom"], eventType=["ad.view", "purchase", "like"])


def revenue_filters(rng):
    return some(rng, source=["facebook", "tiktok"], campaignId=["c1", "été & co", "unknown", "none such"])


def test_totals_of_random_ranges(reporter, events):
    rng = random.Random(32)
    for _ in range(150):
        start, end = random_range(rng)
        filters = event_filters(rng)
        kept = keep(events, start, end, **filters)
        data = ask(reporter, "events", start, end, **filters)
        wanted = oracle.events_report(kept)
        assert {name: data[name] for name in wanted} == wanted, (start, end, filters)
        times = [oracle.moment(e) for e in kept]
        found = {k: v and datetime.datetime.fromisoformat(v.replace("Z", "+00:00")) for k, v in data["timeRange"].items()}
        assert found == {"from": start or min(times, default=None), "to": end or max(times, default=None)}


def test_revenue_of_random_ranges(reporter, events):
    rng = random.Random(33)
    for _ in range(150):
        start, end = random_range(rng)
        filters = revenue_filters(rng)
        currency = rng.choice(["USD", "EUR", "CHF"])
        wanted = oracle.revenue_report(keep(events, start, end), filters.get("source"), filters.get("campaignId"), currency)
        data = ask(reporter, "revenue", start, end, currency=currency, **filters)
        assert {name: data[name] for name in wanted} == wanted, (start, end, filters)


def check_groups(data, wanted, names, limit, value):
    """Largest first, then by the names, as bytes."""
    rows = sorted(wanted.items(), key=lambda item: (-value(item[1]), [name.encode() for name in item[0]]))
    assert data["groupCount"] == len(rows)
    assert [tuple(row[name] for name in names) for row in data["groups"]] == [key for key, _ in rows[:limit]]
    return zip(data["groups"], (sums for _, sums in rows))


ALL_GROUPS = [[name] for name in DIMENSIONS] + [list(pair) for pair in itertools.permutations(DIMENSIONS, 2)]


@pytest.mark.parametrize("names", ALL_GROUPS, ids=",".join)
def test_groups_by_every_dimension(reporter, events, names):
    rng = random.Random(",".join(names))
    for _ in range(2):
        start, end = random_range(rng)
        limit = rng.choice([1, 3, 1000])
        filters = event_filters(rng)
        wanted = groups(keep(events, start, end, **filters), names)
        data = ask(reporter, "events", start, end, groupBy=",".join(names), limit=limit, **filters)
        for row, (count, _) in check_groups(data, wanted, names, limit, lambda sums: sums[0]):
            assert row["totalEvents"] == count, (start, end, filters)
        filters = revenue_filters(rng)
        wanted = groups(keep(events, start, end, "USD", **filters), names, money=True)
        data = ask(reporter, "revenue", start, end, groupBy=",".join(names), limit=limit, **filters)
        for row, (count, total) in check_groups(data, wanted, names, limit, lambda sums: sums[1]):
            assert (row["transactionCount"], row["totalRevenue"]) == (count, total), (start, end, filters)


def percent(now, before):
    return None if not before else round((now - before) * 100 / before, 2)


def test_the_range_before(reporter, events):
    rng = random.Random(34)
    for _ in range(40):
        start, end = sorted([random_time(rng), random_time(rng)])
        before = start - (end - start)
        now, then = len(keep(events, start, end)), len(keep(events, before, start))
        data = ask(reporter, "events", start, end, compare="previous")
        assert data["totalEvents"] == now
        assert data["previous"]["totalEvents"] == then
        assert datetime.datetime.fromisoformat(data["previous"]["timeRange"]["from"].replace("Z", "+00:00")) == before
        assert data["change"]["totalEvents"]["absolute"] == now - then
        wanted, got = percent(Decimal(now), then), data["change"]["totalEvents"]["percent"]
        assert got == wanted or abs(Decimal(str(got)) - wanted) <= Decimal("0.01")
        data = ask(reporter, "revenue", start, end, compare="previous", currency="EUR")
        now, then = (sum(map(amount, keep(events, *span, "EUR")), Decimal(0)) for span in [(start, end), (before, start)])
        assert (data["totalRevenue"], data["previous"]["totalRevenue"]) == (now, then)
        assert data["change"]["totalRevenue"]["absolute"] == now - then


def test_a_day_that_is_no_longer_kept_is_in_no_report(reporter, database, events):
    """From the moment that the boundary has moved, whatever of the old is there yet."""
    boundary = datetime.datetime(2026, 10, 4, tzinfo=datetime.timezone.utc)
    database.execute("UPDATE retention SET retained_from = %s", (boundary,))
    try:
        kept = keep(events, boundary)
        for parameters in ({}, {"groupBy": "country"}, {"interval": "month"}):
            data = ask(reporter, "events", **parameters)
            assert data["totalEvents"] == len(kept)
            for part in ("groups", "series"):
                assert part not in data or sum(row["totalEvents"] for row in data[part]) == len(kept)
        assert data["retainedFrom"] == "2026-10-04T00:00:00.000Z"
        data = ask(reporter, "events", datetime.datetime(2026, 9, 1, tzinfo=datetime.timezone.utc), interval="day")
        assert data["series"][0]["start"] == "2026-10-04T00:00:00+00:00"
    finally:
        database.execute("UPDATE retention SET retained_from = '-infinity'")
