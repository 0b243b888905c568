"""Demographics, funnel, campaigns, one user and one event: random events through the collectors, users whose attributes
change and whose ids hold anything, random ranges; everything counted again by brute force from the events."""
import datetime
import json
import random
import urllib.parse
from decimal import Decimal

import pytest

from harness import oracle
from harness import brute_force_people as people
from harness.brute_force_people import user_of
from harness.events import ODD_IDS, facebook_event, random_event, timestamp
from harness.property_queries import SORTS
from harness.reporter import roles, store

EVENTS = 5000
USERS = 250
NOW = datetime.datetime(2026, 3, 10, 7, 30, tzinfo=datetime.timezone.utc)
SPAN_HOURS = 100


def twist(event, number, rng):
    """Attributes that change, odd ids, currencies, campaigns that are odd or none, events without an engagement."""
    user, engagement = event["data"]["user"], event["data"]["engagement"]
    odd = ODD_IDS[number % len(ODD_IDS)] if number < 30 * len(ODD_IDS) else None
    if odd:
        event["eventId"] = f"{odd}{event['eventId']}" if number >= len(ODD_IDS) else odd
        user["userId"] = odd
    if event["source"] == "facebook":
        user["age"] = rng.choice([user["age"], 0, 17.5, 18, 24.99, 25, 55])
        user["location"] = rng.choice([user["location"], {"country": "Österreich", "city": rng.choice("XYZ")}])
    else:
        user["followers"] = rng.choice([user["followers"], 999, 1000, 10**6])
    dice = rng.random()
    if dice < 0.2 and event["funnelStage"] == "bottom":
        engagement.update(currency="EUR", purchaseAmount=rng.choice(["0.01", "19.9", "7", "0"]))
    elif dice < 0.4 and event["source"] == "facebook" and event["funnelStage"] == "bottom":
        engagement["campaignId"] = rng.choice([None, "", "unknown", *ODD_IDS[:4]])
    elif dice < 0.45:
        del event["data"]["engagement"]
    return event


def make_events(rng):
    events = [twist(random_event(rng, now=NOW, users=USERS, span_hours=SPAN_HOURS), n, rng) for n in range(EVENTS)]
    for n, event in enumerate(events[-60:]):  # about bounds of hours and days
        bound = NOW.replace(minute=0) - datetime.timedelta(hours=n % 30)
        event["timestamp"] = timestamp(bound + datetime.timedelta(microseconds=n % 3 - 1))
    return list({(e["source"], e["eventId"]): e for e in events}.values())


@pytest.fixture(scope="module")
def events():
    return make_events(random.Random(31))


@pytest.fixture(scope="module")
def reporter(nats, database, events):
    store(nats, database, events + random.Random(32).choices(events, k=200), len(events))
    with roles(DATABASE_URL=database.url, REPORT_POOL="2") as start:
        yield start("reporter")


def ask(reporter, path, status=200, **filters):
    answer = reporter.get(path, params={k.rstrip("_"): v for k, v in filters.items() if v is not None})
    assert answer.status_code == status, answer.text
    return json.loads(answer.text, parse_float=Decimal)["data"] if status == 200 else answer.json()


def path_of(*segments):
    return "/reports/" + "/".join(urllib.parse.quote(segment, safe="") for segment in segments)


def random_range(rng, events):
    """Open or closed; bounds anywhere, on hours, on midnights, in one and the same hour, on events that lie close."""
    def bound():
        when = NOW - datetime.timedelta(seconds=rng.uniform(-3600, (SPAN_HOURS + 2) * 3600))
        return rng.choice([when, when, when.replace(minute=0, second=0, microsecond=0),
                           when.replace(hour=0, minute=0, second=0, microsecond=0)])

    start, end = sorted([bound(), bound()])
    near = start + datetime.timedelta(minutes=rng.uniform(0, 90))
    times = sorted(oracle.moment(e) for e in events)
    first = rng.randrange(len(times))
    last = min(first + rng.randrange(40), len(times) - 1)
    return rng.choice([(None, None), (start, None), (None, end), (start, end), (start, end), (start, near),
                       (times[first], times[last]), (times[first], times[last])])


def given(**parameters):
    return {name: value for name, value in parameters.items() if value is not None}


def bounds(start, end):
    return {"from_": start and timestamp(start), "to": end and timestamp(end)}


def check_range(data, kept, start, end):
    times = [oracle.moment(e) for e in kept]
    wanted = {"from": start or (min(times) if times else None), "to": end or (max(times) if times else None)}
    assert {k: v and datetime.datetime.fromisoformat(v.replace("Z", "+00:00"))
            for k, v in data["timeRange"].items()} == wanted


def kept_of(events, rng):
    start, end = random_range(rng, events)
    source = rng.choice([None, None, "facebook", "tiktok"])
    kept = [e for e in oracle.in_range(events, start, end) if source in (None, e["source"])]
    return start, end, source, kept


@pytest.fixture(scope="module")
def profiles(events):
    return people.profiles(events)


def test_demographics(reporter, events, profiles):
    rng = random.Random(41)
    for _ in range(80):
        start, end, source, kept = kept_of(events, rng)
        data = ask(reporter, "/reports/demographics", source=source, **bounds(start, end))
        wanted = people.demographics(kept, profiles)
        assert {name: data[name] for name in wanted} == wanted, (start, end, source)
        check_range(data, kept, start, end)


def test_funnel(reporter, events):
    rng = random.Random(42)
    for _ in range(60):
        start, end, source, kept = kept_of(events, rng)
        query = given(source=source, limit=rng.choice([None, 3, 1000]))
        data = ask(reporter, "/reports/funnel", **query, **bounds(start, end))
        wanted = people.funnel(kept, query)
        assert {name: data[name] for name in wanted} == wanted, (start, end, source)
        check_range(data, kept, start, end)


def test_campaigns(reporter, events):
    rng = random.Random(43)
    for turn in range(72):
        start, end, source, kept = kept_of(events, rng)
        offset, limit = rng.choice([(None, None), (0, 3), (5, 7), (1000, 5)])
        query = given(source=source, sort=SORTS[turn % len(SORTS)], order=rng.choice([None, "asc", "desc"]),
                      currency=rng.choice([None, "USD", "EUR", "CHF"]), offset=offset, limit=limit)
        data = ask(reporter, "/reports/campaigns", **query, **bounds(start, end))
        wanted = people.campaigns(kept, query)
        assert {name: data[name] for name in wanted} == wanted, (start, end, query)
        check_range(data, kept, start, end)


def test_default_order_of_campaigns(reporter, events):
    rows = ask(reporter, "/reports/campaigns")["campaigns"]
    assert rows == people.campaigns(events, {"sort": "revenue", "order": "desc"})["campaigns"]


def pages_of(reporter, path, **filters):
    """All pages of a user's events."""
    before, found = None, []
    while True:
        data = ask(reporter, path, before=before, **filters)
        found += data["events"]
        before = data["next"]
        if not before:
            return data, found
        assert len(data["events"]) == int(filters.get("limit") or 100)


def test_users(reporter, events, profiles):
    rng = random.Random(44)
    users = [u for u in profiles if u[1] in ODD_IDS] + rng.sample(sorted(profiles), 60)
    for source, user_id in users:
        own = [e for e in events if user_of(e) == (source, user_id)]
        start, end = random_range(rng, own)
        kept = oracle.in_range(own, start, end)
        data, found = pages_of(reporter, path_of("users", source, user_id), limit=rng.choice([None, 7, 50]),
                               **bounds(start, end))
        assert (data["source"], data["userId"]) == (source, user_id)
        assert data["attributes"] == people.attributes(source, profiles[source, user_id])
        seen = [oracle.moment(e) for e in own]
        assert oracle.moment({"timestamp": data["firstSeenAt"]}) == min(seen)
        assert oracle.moment({"timestamp": data["lastSeenAt"]}) == max(seen)
        totals = people.totals(kept)
        assert {name: data[name] for name in totals} == totals
        times = [oracle.moment(e) for e in found]
        assert times == sorted(times, reverse=True)
        listed = {e["eventId"]: (oracle.moment(e), e["funnelStage"], e["eventType"], e["campaignId"]) for e in found}
        assert len(listed) == len(found)
        assert listed == {e["eventId"]: (oracle.moment(e), e["funnelStage"], e["eventType"], people.campaign_of(e) or None)
                          for e in kept}, (source, user_id, start, end)
        check_range(data, kept, start, end)


def test_events_as_they_came(reporter, events, database):
    rng = random.Random(45)
    chosen = [e for e in events if e["eventId"] in ODD_IDS] + rng.sample(events, 40)
    # As a version stored them that did not keep the time with the key.
    old = chosen[-10:]
    database.execute("UPDATE event_keys k SET event_at = NULL FROM processed_events e WHERE e.event_key = k.event_key"
                     " AND e.event_id = ANY(%s)", ([e["eventId"] for e in old],))
    for event in chosen:
        data = ask(reporter, path_of("events", event["source"], event["eventId"]))
        assert set(data) == {"source", "eventId", "timestamp", "receivedAt", "processedAt", "correlationId", "event"}
        assert data["event"] == json.loads(json.dumps(event), parse_float=Decimal)
        assert (data["source"], data["eventId"]) == (event["source"], event["eventId"])
        assert oracle.moment(data) == oracle.moment(event)
        assert data["receivedAt"] <= data["processedAt"] and data["correlationId"]


@pytest.mark.parametrize("path, status, code, text", [
    (path_of("users", "facebook", "nobody/at all"), 404, "not_found", "user"),
    (path_of("users", "tiktok", "Zoë") + "x", 404, "not_found", "user"),
    (path_of("events", "facebook", "none"), 404, "not_found", "event"),
    (path_of("users", "myspace", "x"), 400, "bad_parameter", "source: takes facebook or tiktok"),
    (path_of("events", "Facebook", "x"), 400, "bad_parameter", "source: takes facebook or tiktok"),
    ("/reports/users/facebook/%ff", 400, "bad_path", "UTF-8"),
    ("/reports/users/facebook/a%00b", 400, "bad_request", "NUL"),
    ("/reports/users/facebook/" + "x" * 1025, 400, "bad_path", "1024"),
    ("/reports/users/facebook/", 404, "not_found", "path"),
    ("/reports/users/facebook/a/b", 404, "not_found", "path"),
    ("/reports/users/facebook/a?source=facebook", 400, "bad_parameter", "/reports/users/{source}/{userId} takes from,"),
    ("/reports/users/facebook/a?before=17", 400, "bad_parameter", "before: takes"),
    ("/reports/users/facebook/a?before=17-" + "0" * 31 + "g", 400, "bad_parameter", "before: takes"),
    ("/reports/users/facebook/a?limit=1001", 400, "bad_parameter", "limit: takes"),
    ("/reports/events/facebook/a?from=2026-01-01T00:00:00Z", 400, "bad_parameter", "unknown parameter"),
    ("/reports/campaigns?sort=name", 400, "bad_parameter", "sort: takes revenue, orders"),
    ("/reports/campaigns?order=up", 400, "bad_parameter", "order: takes asc or desc"),
    ("/reports/campaigns?offset=-1", 400, "bad_parameter", "offset: takes"),
    ("/reports/campaigns?limit=0", 400, "bad_parameter", "limit: takes"),
    ("/reports/funnel?limit=1001", 400, "bad_parameter", "limit: takes"),
    ("/reports/funnel?campaignId=c", 400, "bad_parameter", "/reports/funnel takes from, to, source, limit"),
])
def test_what_is_refused(reporter, path, status, code, text):
    answer = reporter.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert text in answer.json()["error"], answer.text


def test_metrics_name_reports_not_people(reporter):
    reporter.get(path_of("users", "facebook", "somebody-private"))
    text = reporter.get("/metrics").text
    assert 'path="/reports/users/{source}/{userId}"' in text and "somebody-private" not in text
    assert 'reporter_reports_failed_total{report="user",reason="not_found"}' in text


def test_what_is_no_longer_retained(nats, postgres):
    """A user whose events are all gone is known still; none of them is counted or given."""
    database = postgres.new_database()
    days = [NOW - datetime.timedelta(days=n) for n in (2, 1, 0)]
    events = [facebook_event(eventId=f"e{n}", timestamp=timestamp(day), data__user__userId=user)
              for n, (day, user) in enumerate(zip(days + days[:1], ["both", "both", "new", "old"]))]
    store(nats, database, events, len(events))
    midnight = days[1].replace(hour=0, minute=0)
    database.execute("UPDATE retention SET retained_from = %s", (midnight,))
    with roles(DATABASE_URL=database.url) as start:
        reporter = start("reporter")
        both = ask(reporter, path_of("users", "facebook", "both"))
        old = ask(reporter, path_of("users", "facebook", "old"))
        gone = ask(reporter, path_of("events", "facebook", "e0"), status=404)
        funnel = ask(reporter, "/reports/funnel")
        demographics = ask(reporter, "/reports/demographics")
    assert [e["eventId"] for e in both["events"]] == ["e1"] and both["totalEvents"] == 1
    assert old["totalEvents"] == 0 and old["events"] == [] and old["timeRange"] == {"from": None, "to": None}
    assert old["firstSeenAt"] is not None and gone["code"] == "not_found"
    assert funnel["bySource"]["facebook"]["topUsers"] == 2
    assert sum(demographics["facebook"]["ageGroups"].values()) == 2
    for data in (both, old, funnel, demographics):
        assert data["retainedFrom"] == timestamp(midnight).replace(".000000Z", ".000Z")
    assert demographics["timeRange"]["from"] == timestamp(days[1]).replace(".000000Z", ".000Z")
