"""Series lie on the wall-clock bounds of their zone and add up to the total; each bucket is counted again from the
events, with Python's own knowledge of the zones."""
import datetime
import json
import random
import zoneinfo
from decimal import Decimal

import pytest

from harness.events import timestamp
from harness.oracle import moment
from harness.reporter import roles, store
from harness.spread import CHANGES, UTC, ZONES, amount, facts, keep, random_event, random_time
from harness.wall_clock import MINUTE, floor, name_of

EVENTS = 2400


@pytest.fixture(scope="module")
def events():
    rng = random.Random(41)
    return [random_event(rng) for _ in range(EVENTS)]


@pytest.fixture(scope="module")
def reporter(nats, database, events):
    store(nats, database, events, EVENTS)
    with roles(DATABASE_URL=database.url, REPORT_POOL="2") as start:
        yield start("reporter")


def ask(reporter, report, start=None, end=None, status=200, **parameters):
    bounds = {**({"from": timestamp(start)} if start else {}), **({"to": timestamp(end)} if end else {})}
    answer = reporter.get(f"/reports/{report}", params={**bounds, **parameters})
    assert answer.status_code == status, answer.text
    body = json.loads(answer.text, parse_float=Decimal)
    return body["data"] if status == 200 else body


def minutes_of(start, end):
    at = start
    while at < end:
        yield at
        at = (at + MINUTE).replace(second=0, microsecond=0)


def check_bounds(series, start, end, interval, zone):
    """Every moment of the range is in one bucket, each begins where its name does, none is empty of time."""
    starts = [datetime.datetime.fromisoformat(bucket["start"]) for bucket in series]
    assert starts == sorted(set(starts))
    for bucket, when in zip(series, starts):
        assert when.astimezone(zone).isoformat() == bucket["start"]
        assert name_of(when, interval, zone) != name_of(when - MINUTE, interval, zone)
    names = list(dict.fromkeys(name_of(when, interval, zone) for when in minutes_of(start, end)))
    assert [name_of(when, interval, zone) for when in starts] == names


SPANS = {"minute": 0.1, "hour": 2.5, "day": 6, "week": 20, "month": 70}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("interval", SPANS)
def test_buckets(reporter, events, interval, zone):
    rng = random.Random(f"{interval} {zone}")
    tz = zoneinfo.ZoneInfo(zone)
    for change in rng.sample(CHANGES, 3):
        start = change - datetime.timedelta(days=rng.uniform(0.2, 0.9) * SPANS[interval])
        end = start + datetime.timedelta(days=SPANS[interval])
        kept = keep(events, start, end)
        parameters = {"interval": interval, "timezone": zone}
        data = ask(reporter, "events", start, end, **parameters, groupBy="eventType")
        check_bounds(data["series"], start, end, interval, tz)
        wanted = {}
        for event in kept:
            types = wanted.setdefault(name_of(moment(event), interval, tz), {})
            types[event["eventType"]] = types.get(event["eventType"], 0) + 1
        for bucket in data["series"]:
            types = wanted.get(name_of(datetime.datetime.fromisoformat(bucket["start"]), interval, tz), {})
            assert (bucket["totalEvents"], bucket["groups"]) == (sum(types.values()), types)
        assert sum(bucket["totalEvents"] for bucket in data["series"]) == data["totalEvents"] == len(kept)
        check_revenue(reporter, events, start, end, tz, rng, parameters)


def check_revenue(reporter, events, start, end, tz, rng, parameters):
    filters = rng.choice([{}, {"source": "tiktok"}, {"campaignId": "c1"}, {"campaignId": "unknown"}])
    dimension = rng.choice(["source", "funnelStage", "eventType"])
    data = ask(reporter, "revenue", start, end, **parameters, **filters, groupBy=dimension)
    wanted = {}
    for event in keep(events, start, end, "USD", **filters):
        groups = wanted.setdefault(name_of(moment(event), parameters["interval"], tz), [])
        groups.append((facts(event)[dimension], amount(event)))
    for bucket in data["series"]:
        rows = wanted.get(name_of(datetime.datetime.fromisoformat(bucket["start"]), parameters["interval"], tz), [])
        assert (bucket["transactionCount"], bucket["totalRevenue"]) == (len(rows), sum(a for _, a in rows))
        assert bucket["groups"] == {n: sum(a for m, a in rows if m == n) for n in {n for n, _ in rows}}
    assert sum(bucket["totalRevenue"] for bucket in data["series"]) == data["totalRevenue"]


@pytest.mark.parametrize("zone, day, hours", [
    ("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25), ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ("UTC", "2026-03-29", 24)])
def test_days_are_as_long_as_they_are(reporter, zone, day, hours):
    date = datetime.date.fromisoformat(day)
    middle = datetime.datetime(date.year, date.month, date.day, 12, tzinfo=zoneinfo.ZoneInfo(zone))
    span = (middle - datetime.timedelta(days=2), middle + datetime.timedelta(days=2))
    series = ask(reporter, "events", *(when.astimezone(UTC) for when in span), interval="day", timezone=zone)["series"]
    starts = [datetime.datetime.fromisoformat(bucket["start"]) for bucket in series]
    [at] = [i for i, bucket in enumerate(series) if bucket["start"].startswith(day)]
    assert (starts[at + 1] - starts[at]).total_seconds() == hours * 3600


def test_a_date_that_was_skipped_has_no_bucket(reporter):
    span = (datetime.datetime(2011, 12, 28, tzinfo=UTC), datetime.datetime(2012, 1, 2, tzinfo=UTC))
    series = ask(reporter, "events", *span, interval="day", timezone="Pacific/Apia")["series"]
    assert [bucket["start"][:10] for bucket in series] == [
        "2011-12-27", "2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]


def test_without_bounds_it_is_as_long_as_the_events(reporter, events):
    rng = random.Random(43)
    for report in ("events", "revenue"):
        data = ask(reporter, report, interval="month")
        times = sorted(moment(e) for e in (events if report == "events" else keep(events, currency="USD") + keep(events, currency="EUR")))
        assert data["series"][0]["start"][:7] == times[0].isoformat()[:7]
        assert data["series"][-1]["start"][:7] == times[-1].isoformat()[:7]
    start = random_time(rng)
    assert ask(reporter, "events", start, interval="week")["series"][0]["start"][:10] == floor(start, "week").isoformat()[:10]
    assert ask(reporter, "events", start, start, interval="week")["series"] == []
    after = datetime.datetime(2027, 1, 1, tzinfo=UTC)
    assert ask(reporter, "revenue", after, interval="week")["series"] == []


@pytest.mark.parametrize("parameters, says", [
    ({"interval": "minute", "from": "2026-10-01T00:00:00Z", "to": "2026-10-07T22:41:00Z"}, "interval: the range has more than 10000"),
    ({"interval": "hour", "from": "0001-01-01T00:00:00Z", "to": "9999-01-01T00:00:00Z"}, "interval: the range has more than"),
    ({"interval": "day", "timezone": "Mars/Olympus"}, "timezone: takes the name of a time zone"),
    ({"interval": "day", "timezone": "EST5EDT4"}, "timezone: takes the name of a time zone"),
    ({"interval": "day", "timezone": "europe/berlin"}, "timezone: takes the name of a time zone")])
def test_what_cannot_be_given_is_said(reporter, parameters, says):
    answer = reporter.get("/reports/events", params=parameters)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "bad_parameter" and answer.json()["error"].startswith(says)


def test_the_longest(reporter):
    data = ask(reporter, "events", datetime.datetime(2026, 10, 1, tzinfo=UTC), datetime.datetime(2026, 10, 7, 22, 40, tzinfo=UTC),
               interval="minute")
    assert len(data["series"]) == 10000
    assert sum(bucket["totalEvents"] for bucket in data["series"]) == data["totalEvents"] > 0
