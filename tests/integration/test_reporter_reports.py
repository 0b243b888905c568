"""The reports are exact: random events through the collectors, random filters, everything counted again by brute
force from the events themselves."""
import collections
import datetime
import json
import random
import re
import threading
from decimal import Decimal

import pytest

from harness import oracle
from harness.events import FACEBOOK_TYPES, TIKTOK_TYPES, random_event, timestamp
from harness.reporter import roles, store

EVENTS = 4000
NOW = datetime.datetime(2026, 3, 10, 7, 30, tzinfo=datetime.timezone.utc)
HOSTILE = ["'; DROP TABLE processed_events; --", "\r\n\x1b[31m{\"level\":\"error\"}"]
TYPES = sorted({t for table in (FACEBOOK_TYPES, TIKTOK_TYPES) for stage in table.values() for t in stage})


def twist(event, rng):
    """What the contract allows beyond the plain: other currencies, odd campaigns, amounts where none is due, offsets."""
    engagement = event["data"]["engagement"]
    dice = rng.random()
    if dice < 0.1:
        engagement["currency"] = rng.choice(["EUR", "JPY"])
        engagement["purchaseAmount"] = rng.choice(["0.01", "19.9", "999999999999.99", "7", "0"])
    elif dice < 0.2 and event["source"] == "facebook":
        engagement["campaignId"] = rng.choice(["", None, "unknown", "été & co", "a+b%20c", *HOSTILE])
        engagement["purchaseAmount"] = f"{rng.randrange(10000) / 100:.2f}"
    elif dice < 0.25:
        del event["data"]["engagement"]
    elif dice < 0.35:
        zone = datetime.timezone(datetime.timedelta(hours=rng.choice([-8, 2]), minutes=rng.choice([0, 30])))
        event["timestamp"] = oracle.moment(event).astimezone(zone).isoformat(timespec="microseconds")
    return event


def make_events(rng):
    events = [twist(random_event(rng, now=NOW, users=400, span_hours=75), rng) for _ in range(EVENTS)]
    edges = [0, 1, -1, 86400 * 1000000, 86400 * 1000000 - 1]  # microseconds around two midnights
    for offset, event in zip(edges, events):
        when = NOW.replace(hour=0, minute=0) - datetime.timedelta(days=1) + datetime.timedelta(microseconds=offset)
        event["timestamp"] = timestamp(when)
    return events


@pytest.fixture(scope="module")
def events():
    return make_events(random.Random(11))


@pytest.fixture(scope="module")
def reporter(nats, database, events):
    repeated = random.Random(12).choices(events, k=300)
    store(nats, database, events + repeated, len(events))
    with roles(DATABASE_URL=database.url, REPORT_POOL="3") as start:
        yield start("reporter")


def ask(reporter, report, **filters):
    answer = reporter.get(f"/reports/{report}", params={k.rstrip("_"): v for k, v in filters.items()})
    assert answer.status_code == 200, answer.text
    # Amounts are read as the decimals they are written as.
    body = json.loads(answer.text, parse_float=Decimal)
    assert set(body) == {"success", "data", "dataThrough", "tookMs", "correlationId", "timestamp"} and body["success"] is True
    assert body["correlationId"] == answer.headers["X-Correlation-Id"]
    return body["data"], answer.text


def random_range(rng):
    """None, an open range, or one whose ends fall anywhere, now and then on a midnight or on an event."""
    def bound():
        when = NOW - datetime.timedelta(seconds=rng.uniform(-3600, 78 * 3600))
        return when.replace(hour=0, minute=0, second=0, microsecond=0) if rng.random() < 0.3 else when

    start, end = sorted([bound(), bound()])
    return rng.choice([(None, None), (start, None), (None, end), (start, end), (start, end), (start, start)])


def bounds(start, end):
    return {**({"from_": timestamp(start)} if start else {}), **({"to": timestamp(end)} if end else {})}


def wanted_range(kept, start, end):
    times = [oracle.moment(e) for e in kept]

    def text(asked, counted):
        return asked or (counted(times) if times else None)

    return {"from": text(start, min), "to": text(end, max)}


def check_range(data, kept, start, end):
    got = {k: v and datetime.datetime.fromisoformat(v.replace("Z", "+00:00")) for k, v in data["timeRange"].items()}
    assert got == wanted_range(kept, start, end)
    assert all(v is None or v.endswith("Z") for v in data["timeRange"].values())


def nonzero(counts):
    return {k: v for k, v in counts.items() if v}


def test_events_for_random_filters(reporter, events):
    rng = random.Random(21)
    for _ in range(120):
        start, end = random_range(rng)
        filters = {}
        if rng.random() < 0.5:
            filters["source"] = rng.choice(["facebook", "tiktok"])
        if rng.random() < 0.3:
            filters["funnelStage"] = rng.choice(["top", "bottom"])
        if rng.random() < 0.3:
            filters["eventType"] = rng.choice(TYPES)
        kept = [e for e in oracle.in_range(events, start, end) if all(e[k] == v for k, v in filters.items())]
        data, _ = ask(reporter, "events", **bounds(start, end), **filters)
        wanted = oracle.events_report(kept)
        assert data["totalEvents"] == wanted["totalEvents"], (start, end, filters)
        for name in ("eventsBySource", "eventsByFunnelStage", "eventsByType"):
            assert nonzero(data[name]) == wanted[name], (start, end, filters)
        check_range(data, kept, start, end)


def test_revenue_for_random_filters(reporter, events):
    rng = random.Random(22)
    campaigns = ["unknown", "été & co", "a+b%20c", "campaign-3", "campaign-7", "none such", *HOSTILE]
    for _ in range(120):
        start, end = random_range(rng)
        source = rng.choice([None, None, "facebook", "tiktok"])
        campaign = rng.choice([None, None, None] + campaigns)
        currency = rng.choice([None, "USD", "EUR", "JPY", "CHF"])
        kept = [e for e in oracle.in_range(events, start, end)]
        wanted = oracle.revenue_report(kept, source, campaign, currency or "USD")
        filters = {k: v for k, v in {"source": source, "campaignId": campaign, "currency": currency}.items() if v}
        data, _ = ask(reporter, "revenue", **bounds(start, end), **filters)
        assert data["currency"] == (currency or "USD")
        for name, value in wanted.items():
            got = nonzero(data[name]) if isinstance(value, dict) else data[name]
            assert got == (nonzero(value) if isinstance(value, dict) else value), (start, end, filters, name)


def test_amounts_have_exactly_two_decimals(reporter):
    _, text = ask(reporter, "revenue", currency="JPY")
    amounts = re.findall(r'"totalRevenue":([^,}]+)|"JPY":([^,}]+)', text)
    assert amounts and all(re.fullmatch(r"\d+\.\d\d", a or b) for a, b in amounts), amounts


def users_of(events, source):
    return {e["data"]["user"]["userId"]: e["data"]["user"] for e in events if e["source"] == source}


def countries_of(events):
    """Of TikTok users, whatever the range: only some of their events name it."""
    named = [e for e in events if e["source"] == "tiktok" and "country" in oracle.engagement(e)]
    return {e["data"]["user"]["userId"]: oracle.engagement(e)["country"] for e in named}


def top(names):
    """The ten most frequent, equal ones by name."""
    return sorted(collections.Counter(names).items(), key=lambda item: (-item[1], item[0].encode()))[:10]


def test_demographics_for_random_filters(reporter, events):
    rng = random.Random(23)
    for _ in range(60):
        start, end = random_range(rng)
        source = rng.choice([None, "facebook", "tiktok"])
        kept = [e for e in oracle.in_range(events, start, end) if source in (None, e["source"])]
        data, _ = ask(reporter, "demographics", **bounds(start, end), **({"source": source} if source else {}))
        wanted = oracle.demographics_report(kept)
        facebook, tiktok = data["facebook"], data["tiktok"]
        assert nonzero(facebook["ageGroups"]) == wanted["ageGroups"]
        assert nonzero(facebook["genderDistribution"]) == wanted["genderDistribution"]
        assert nonzero(tiktok["followerRanges"]) == wanted["followerRanges"]
        assert [(p["location"], p["count"]) for p in facebook["topLocations"]] == top(
            "{city}, {country}".format(**user["location"]) for user in users_of(kept, "facebook").values())
        countries = countries_of(events)
        assert [(p["country"], p["count"]) for p in tiktok["topCountries"]] == top(
            countries[user] for user in users_of(kept, "tiktok") if user in countries)
        check_range(data, kept, start, end)


def test_a_plus_in_an_offset_may_stand_as_it_is(reporter, events):
    start = NOW - datetime.timedelta(hours=20)
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
    text = start.astimezone(zone).isoformat()
    answer = reporter.get(f"/reports/events?from={text}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["totalEvents"] == len(oracle.in_range(events, start))


def test_every_answer_is_one_snapshot(nats, postgres):
    """While events are being stored: parts add up to the total in each answer, and nothing ever goes away."""
    database = postgres.new_database()
    events = [random_event(random.Random(n), users=200, span_hours=30) for n in range(6000)]
    total, answers = 0, 0
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url, BATCH_MAX_EVENTS="200") as start:
        collectors = [start("fb-collector"), start("ttk-collector")]
        reporter = start("reporter")
        gateway = start("gateway")
        sender = threading.Thread(target=lambda: [gateway.post("/webhook/events", events[i:i + 100])
                                                  for i in range(0, len(events), 100)])
        sender.start()
        while total < len(events):
            data, _ = ask(reporter, "events")
            for name in ("eventsBySource", "eventsByFunnelStage", "eventsByType"):
                assert sum(data[name].values()) == data["totalEvents"]
            assert data["totalEvents"] >= total
            total = data["totalEvents"]
            revenue, _ = ask(reporter, "revenue")
            assert sum(revenue["revenueBySource"].values()) == sum(revenue["revenueByCampaign"].values())
            assert sum(revenue["revenueBySource"].values()) == revenue["totalRevenue"]
            answers += 1
            assert all(c.returncode is None for c in collectors)
        sender.join()
    assert total == len(events) and answers > 3
