"""Counts by brute force what the reports must say of a list of events."""
import collections
import datetime
import functools
from decimal import Decimal

UTC = datetime.timezone.utc


@functools.lru_cache(maxsize=100_000)
def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def moment(event):
    return parse_time(event["timestamp"])


def time_text(when):
    """As answers give a time; None stays."""
    if when is None:
        return None
    exact = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.astimezone(UTC).isoformat(timespec=exact).replace("+00:00", "Z")


def unique(events):
    """The first of each (source, eventId)."""
    first = {}
    for event in events:
        first.setdefault((event["source"], event["eventId"]), event)
    return list(first.values())


def in_range(events, start=None, end=None):
    return [e for e in events if (start is None or moment(e) >= start) and (end is None or moment(e) < end)]


def engagement(event):
    return event["data"].get("engagement") or {}


def currency_of(event):
    return (engagement(event).get("currency") or "USD").upper()


def is_revenue(event):
    return event["eventType"] in ("checkout.complete", "purchase") or engagement(event).get("purchaseAmount") is not None


def events_report(events, **filters):
    kept = [e for e in events if all(e[name] == value for name, value in filters.items())]
    count = lambda field: dict(collections.Counter(e[field] for e in kept))  # noqa: E731
    return {"totalEvents": len(kept), "eventsBySource": count("source"), "eventsByFunnelStage": count("funnelStage"),
            "eventsByType": count("eventType")}


def revenue_report(events, source=None, campaign=None, currency="USD"):
    by_source, by_campaign, by_currency = (collections.defaultdict(Decimal) for _ in range(3))
    count = 0
    for event in events:
        name = engagement(event).get("campaignId") or "unknown"
        if not is_revenue(event) or source not in (None, event["source"]) or campaign not in (None, name):
            continue
        count += 1
        amount = Decimal(engagement(event).get("purchaseAmount") or "0")
        unit = currency_of(event)
        by_currency[unit] += amount
        if unit == currency:
            by_source[event["source"]] += amount
            by_campaign[name] += amount
    return {"totalRevenue": sum(by_source.values(), Decimal(0)), "revenueBySource": dict(by_source),
            "revenueByCampaign": dict(by_campaign), "revenueByCurrency": dict(by_currency), "transactionCount": count}


AGE_GROUPS = [("under_18", 18), ("18_24", 25), ("25_34", 35), ("35_44", 45), ("45_54", 55), ("55_plus", 1000)]
FOLLOWERS = [("under_1k", 1e3), ("1k_10k", 1e4), ("10k_100k", 1e5), ("100k_1m", 1e6), ("1m_plus", 1e99)]


def bucket(value, bounds):
    return next(name for name, limit in bounds if value < limit)


def demographics_report(events):
    """For users whose attributes never change."""
    users = {(e["source"], e["data"]["user"]["userId"]): e["data"]["user"] for e in events}
    facebook = [u for (source, _), u in users.items() if source == "facebook"]
    tiktok = [u for (source, _), u in users.items() if source == "tiktok"]
    return {
        "ageGroups": dict(collections.Counter(bucket(u["age"], AGE_GROUPS) for u in facebook)),
        "genderDistribution": dict(collections.Counter(u["gender"] for u in facebook)),
        "followerRanges": dict(collections.Counter(bucket(u["followers"], FOLLOWERS) for u in tiktok)),
    }
