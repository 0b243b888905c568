"""Events for the reports from rollups: around the changes of several zones' clocks, with few names in each dimension,
and some without any; and what they must come to, counted one by one."""
import collections
import datetime
from decimal import Decimal

from . import oracle
from .events import facebook_event, facebook_checkout, tiktok_event, tiktok_purchase, timestamp

UTC = datetime.timezone.utc

# When a clock is put forward or back (Berlin, Lord Howe by half an hour, New York), and where a date was skipped (Apia).
CHANGES = [datetime.datetime(*when, tzinfo=UTC) for when in [
    (2026, 3, 29, 1), (2026, 10, 25, 1), (2026, 10, 3, 15, 30), (2026, 4, 4, 15), (2026, 3, 8, 7), (2026, 11, 1, 6),
    (2011, 12, 30, 10)]]
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Etc/GMT+5"]
DIMENSIONS = ["source", "funnelStage", "eventType", "campaignId", "country", "device"]


def random_time(rng, changes=None):
    """Near a change, now and then on a bound of a minute, an hour or a day, or a microsecond before it."""
    when = rng.choice(changes or CHANGES) + datetime.timedelta(seconds=rng.uniform(-40, 40) * 3600)
    kind = rng.randrange(8)
    if kind < 3:
        when = when.replace(microsecond=0, second=0, **({"minute": 0} if kind else {}), **({"hour": 0} if kind == 2 else {}))
    return when - datetime.timedelta(microseconds=1) if rng.random() < 0.1 else when


def random_event(rng):
    name = f"user-{rng.randrange(50)}"
    common = {"timestamp": timestamp(random_time(rng)), "data.user.userId": name}
    kind = rng.randrange(4)
    if kind == 0:
        return facebook_event(**common, eventType=rng.choice(["ad.view", "comment"]),
                              **{"data.user.location.country": rng.choice(["Germany", "Peru"])})
    if kind == 1:
        return tiktok_event(**common, eventType=rng.choice(["like", "video.view"]),
                            **{"data.engagement.country": rng.choice(["France", "Peru"]),
                               "data.engagement.device": rng.choice(["iOS", "Android"])})
    money = {"data.engagement.purchaseAmount": f"{rng.randrange(100000) / 100:.2f}",
             "data.engagement.currency": rng.choice(["USD", "USD", "EUR"])}
    if kind == 2:
        campaign = rng.choice(["c1", "c2", "été & co", "unknown", ""])
        return facebook_checkout(**common, **money, **{"data.engagement.campaignId": campaign,
                                                       "data.engagement.device": rng.choice(["mobile", "desktop"])})
    return tiktok_purchase(**common, **money)


def facts(event):
    """The values of the event's dimensions."""
    engagement = oracle.engagement(event)
    country = (event["data"]["user"]["location"]["country"] if event["source"] == "facebook" else engagement.get("country"))
    return {"source": event["source"], "funnelStage": event["funnelStage"], "eventType": event["eventType"],
            "campaignId": engagement.get("campaignId") or "unknown", "country": country or "unknown",
            "device": engagement.get("device") or "unknown"}


def amount(event):
    return Decimal(oracle.engagement(event).get("purchaseAmount") or "0")


def keep(events, start=None, end=None, currency=None, **filters):
    """Those in the range that have the values; with a currency, the transactions in it."""
    kept = [e for e in oracle.in_range(events, start, end) if all(facts(e)[k] == v for k, v in filters.items())]
    if currency is None:
        return kept
    return [e for e in kept if oracle.is_revenue(e) and oracle.currency_of(e) == currency]


def groups(events, names, money=False):
    """{(value, ...): (count, amount)}"""
    found = collections.defaultdict(lambda: (0, Decimal(0)))
    for event in events:
        key = tuple(facts(event)[name] for name in names)
        count, total = found[key]
        found[key] = (count + 1, total + amount(event) if money else total)
    return dict(found)
