"""Random queries for the property of all reports, over every report and every parameter."""
import datetime
import urllib.parse
from dataclasses import dataclass

from . import brute_force_people as people
from . import oracle, spread
from .events import FACEBOOK_TYPES, TIKTOK_TYPES
from .property_events import CAMPAIGNS, CHANGES, ZONES

MICROSECOND = datetime.timedelta(microseconds=1)
TYPES = sorted({name for types in (FACEBOOK_TYPES, TIKTOK_TYPES) for names in types.values() for name in names})
LONGEST = {"minute": datetime.timedelta(days=1), "hour": datetime.timedelta(days=20)}
INTERVALS = ["minute", "hour", "day", "week", "month"]
SORTS = ["revenue", "orders", "buyers", "averageOrderValue", "clicks", "campaignId"]
SOURCES = ["facebook", "tiktok"]
FAR = {"from": datetime.datetime(1, 1, 1, tzinfo=oracle.UTC), "to": datetime.datetime(9999, 12, 31, tzinfo=oracle.UTC)}
CURRENCIES = ["USD", "EUR", "JPY", "CHF"]


@dataclass
class Query:
    path: tuple       # of segments behind /reports/
    parameters: dict  # from and to are datetimes, before is an event

    @property
    def url(self):
        """The path and the query of the URL."""
        path = "/reports/" + "/".join(urllib.parse.quote(segment, safe="") for segment in self.path)
        values = {name: people.cursor_of(value) if name == "before" else
                  value.isoformat() if name in ("from", "to") else value for name, value in self.parameters.items()}
        return path + ("?" + urllib.parse.urlencode(values) if values else "")


def on_bound(rng, when):
    """The bound of a minute, a quarter, an hour or a day of UTC, or a day of some other zone."""
    when = when.replace(second=0, microsecond=0)
    kind = rng.randrange(5)
    if kind == 1:
        return when.replace(minute=when.minute // 15 * 15)
    if kind == 2:
        return when.replace(minute=0)
    if kind >= 3:
        return when.replace(minute=0, hour=0) + datetime.timedelta(minutes=rng.choice([0, 345, 615]) if kind == 4 else 0)
    return when


def random_bound(rng, events):
    """Near a change of the clocks, on the bound of a bucket, on an event, and one microsecond beside each."""
    when = rng.choice([spread.random_time(rng, CHANGES), oracle.moment(rng.choice(events))])
    if rng.random() < 0.4:
        when = on_bound(rng, when)
    return when + rng.choice([0, 0, 0, 1, -1]) * MICROSECOND


def near(rng, when):
    """A little later: in the same minute, hour or day, often; or at once, which is an empty range."""
    return when + datetime.timedelta(microseconds=rng.choice([0, 1, rng.randrange(60 * 10**6), rng.randrange(3600 * 10**6),
                                                              rng.randrange(86400 * 10**6), rng.randrange(14 * 86400 * 10**6)]))


def random_range(rng, events):
    if rng.random() < 0.03:
        return dict(FAR)
    start = random_bound(rng, events)
    start, end = sorted([start, near(rng, start) if rng.random() < 0.4 else random_bound(rng, events)])
    if rng.random() < 0.2:
        start = start.astimezone(datetime.timezone(datetime.timedelta(minutes=rng.choice([345, -210, 120]))))
    kind = rng.randrange(10)
    return {**({"from": start} if kind > 1 else {}), **({"to": end} if kind not in (1, 2) else {})}


def some(rng, chance=0.35, **choices):
    return {name: rng.choice(values) for name, values in choices.items() if rng.random() < chance}


def random_series(rng, span):
    """Cuts the span of most that would have too many buckets. One in many asks for groups that series have not."""
    interval = rng.choice(INTERVALS)
    if interval in LONGEST and "from" in span and rng.random() < 0.9:
        span["to"] = min(span.get("to", FAR["to"]), span["from"] + rng.random() * LONGEST[interval])
    return {"interval": interval, **some(rng, 0.8, timezone=ZONES),
            **some(rng, 0.5, groupBy=["source", "funnelStage", "eventType"] * 8 + ["country", "source,eventType"])}


def random_parts(rng, span):
    """Series or groups, and the range before: now and then of a range without a bound, which is refused."""
    found = {}
    kind = rng.randrange(5)
    if kind < 2 and span != FAR:
        found = random_series(rng, span)
    elif kind < 4:
        found = {"groupBy": ",".join(rng.sample(spread.DIMENSIONS, rng.choice([1, 2]))), **some(rng, limit=[1, 3, 20, 10000])}
    if rng.random() < (0.25 if len(span) == 2 else 0.02) and span != FAR:
        found["compare"] = "previous"
    return found


def of_events(rng, events, span):
    parts = random_parts(rng, span)
    return Query(("events",), {**span, **parts, **some(rng, source=SOURCES, funnelStage=["top", "bottom"], eventType=TYPES)})


def of_revenue(rng, events, span):
    campaigns = [name or "unknown" for name in CAMPAIGNS] + ["none such"]
    parts = random_parts(rng, span)
    return Query(("revenue",), {**span, **parts, **some(rng, source=SOURCES, campaignId=campaigns, currency=CURRENCIES)})


def of_demographics(rng, events, span):
    return Query(("demographics",), {**span, **some(rng, source=SOURCES)})


def of_funnel(rng, events, span):
    return Query(("funnel",), {**span, **some(rng, source=SOURCES, limit=[1, 3, 1000])})


def of_campaigns(rng, events, span):
    return Query(("campaigns",), {**span, **some(rng, source=SOURCES, currency=CURRENCIES, limit=[1, 3, 1000], offset=[0, 2, 7, 1000]),
                                  **some(rng, 0.6, sort=SORTS, order=["asc", "desc"])})


def of_a_user(rng, events, span):
    source, user = people.user_of(rng.choice(events))
    own = [e for e in events if people.user_of(e) == (source, user)]
    if rng.random() < 0.03:
        user += "?"
    return Query(("users", source, user), {**span, **some(rng, limit=[1, 5, 1000], before=own)})


def of_an_event(rng, events, span):
    event = rng.choice(events)
    return Query(("events", event["source"], event["eventId"] + rng.choice([""] * 20 + ["?"])), {})


KINDS = {of_events: 30, of_revenue: 30, of_demographics: 8, of_funnel: 10, of_campaigns: 14, of_a_user: 10, of_an_event: 3}


def random_query(rng, events):
    """events: what is stored; it may lie in the range or not."""
    [kind] = rng.choices(list(KINDS), KINDS.values())
    return kind(rng, events, random_range(rng, events))
