"""What each report must answer, as `data` of the answer: counted one by one from the list of accepted events. Nothing
here is fast, and nothing knows of rollups. A query is a report's name and its parameters; from and to are datetimes."""
import collections
import datetime
import decimal
import zoneinfo
from decimal import Decimal

from . import brute_force_people as people
from . import oracle, spread, wall_clock

BUCKETS_MAX = 10_000
IN_SERIES = ("source", "funnelStage", "eventType")
MICROSECOND = datetime.timedelta(microseconds=1)


class Refused(Exception):
    """The query is to be answered with 400 bad_parameter."""


def time_range(kept, start, end, retained):
    """The bounds asked for, else the first and the last event; and where events begin if that is later than asked for."""
    times = [oracle.moment(e) for e in kept]
    answer = {"timeRange": {"from": oracle.time_text(start or min(times, default=None)),
                            "to": oracle.time_text(end or max(times, default=None))}}
    if retained and (start is None or start < retained):
        answer["retainedFrom"] = oracle.time_text(retained)
    return answer


def percent(now, before):
    if not before:
        return None
    return ((now - before) * Decimal(100) / before).quantize(Decimal("0.01"), decimal.ROUND_HALF_UP)


def change(now, before):
    return {name: {"absolute": now[name] - before[name], "percent": percent(now[name], before[name])} for name in before}


def sums(counted, money):
    """Of some events, as series and groups have it."""
    if money:
        return {"totalRevenue": sum(map(spread.amount, counted), Decimal(0)), "transactionCount": len(counted)}
    return {"totalEvents": len(counted)}


def groups(counted, query, money):
    names = query["groupBy"].split(",")
    found = spread.groups(counted, names, money)
    rows = sorted(found.items(), key=lambda row: (-row[1][1 if money else 0], [name.encode() for name in row[0]]))
    listed = [{**dict(zip(names, key)), **({"totalRevenue": total, "transactionCount": count} if money else
                                           {"totalEvents": count})} for key, (count, total) in rows]
    return {"groups": listed[:query.get("limit", 1000)], "groupCount": len(rows)}


def series_bounds(kept, query, retained):
    """From where to where the series goes; None when it has no bucket."""
    times = [oracle.moment(e) for e in kept]
    start, end = query.get("from"), query.get("to")
    if not times and (start is None or end is None):
        return None
    start = start or min(times)
    end = end or max(times) + MICROSECOND
    return (max(start, retained) if retained else start), end


def series(counted, kept, query, money, retained):
    bounds = series_bounds(kept, query, retained)
    if not bounds or bounds[0] >= bounds[1]:
        return {"series": []}
    interval, zone = query["interval"], query.get("timezone", "UTC")
    if interval == "minute" and bounds[1] - bounds[0] > (BUCKETS_MAX + 1) * wall_clock.MINUTE:
        raise Refused("interval")
    starts = wall_clock.bucket_starts(*bounds, interval, zone)
    if len(starts) > BUCKETS_MAX:
        raise Refused("interval")
    buckets = [[] for _ in starts]
    for event, number in zip(counted, wall_clock.into_buckets(starts, map(oracle.moment, counted))):
        buckets[number].append(event)
    tz = zoneinfo.ZoneInfo(zone)
    rows = [{"start": when.astimezone(tz).isoformat(), **sums(bucket, money)} for when, bucket in zip(starts, buckets)]
    if "groupBy" in query:
        for row, bucket in zip(rows, buckets):
            parts = spread.groups(bucket, [query["groupBy"]], money)
            row["groups"] = {name: total if money else count for (name,), (count, total) in parts.items()}
    return {"series": rows}


def parts(counted, kept, query, money, retained):
    """Series and groups. kept: those of the filters; counted: of these the ones in the currency."""
    answer = {}
    if "interval" in query:
        if query.get("groupBy", "source") not in IN_SERIES:
            raise Refused("groupBy")
        answer.update(series(counted, kept, query, money, retained))
    elif "groupBy" in query:
        answer.update(groups(counted, query, money))
    return answer


def comparison(query, retained, totals, now):
    """totals(start, end): what is compared."""
    if "compare" not in query:
        return {}
    if "from" not in query or "to" not in query:
        raise Refused("compare")
    start = query["from"] - (query["to"] - query["from"])
    before = totals(start, query["from"])
    return {"previous": {**time_range([], start, query["from"], retained), **before},
            "change": change({name: now[name] for name in before}, before)}


def events(accepted, query, retained):
    filters = {name: query[name] for name in IN_SERIES if name in query}

    def of_range(start, end):
        return spread.keep(accepted, start, end, **filters)

    kept = of_range(query.get("from"), query.get("to"))
    answer = {**oracle.events_report(kept), **time_range(kept, query.get("from"), query.get("to"), retained)}
    return {**answer, **parts(kept, kept, query, False, retained),
            **comparison(query, retained, lambda *span: sums(of_range(*span), False), answer)}


def revenue(accepted, query, retained):
    currency = query.get("currency", "USD")
    filters = {name: query[name] for name in ("source", "campaignId") if name in query}

    def of_range(start, end):
        return [e for e in spread.keep(accepted, start, end, **filters) if oracle.is_revenue(e)]

    def totals(start, end):
        report = oracle.revenue_report(of_range(start, end), currency=currency)
        return {name: report[name] for name in ("totalRevenue", "transactionCount")}

    kept = of_range(query.get("from"), query.get("to"))
    counted = [e for e in kept if oracle.currency_of(e) == currency]
    answer = {"currency": currency, **oracle.revenue_report(kept, currency=currency),
              **time_range(kept, query.get("from"), query.get("to"), retained)}
    return {**answer, **parts(counted, kept, query, True, retained), **comparison(query, retained, totals, answer)}


def of_source(accepted, query):
    filters = {"source": query["source"]} if "source" in query else {}
    return spread.keep(accepted, query.get("from"), query.get("to"), **filters)


class Oracle:
    """The accepted events, those retained of them, and each user's present attributes."""

    def __init__(self, accepted, retained=None):
        self.accepted = accepted
        self.retained = retained
        self.kept = oracle.in_range(accepted, retained)
        self.profiles = people.profiles(accepted)
        self.by_user = collections.defaultdict(list)
        for event in accepted:
            self.by_user[people.user_of(event)].append(event)

    def answer(self, path, query):
        """(status, data): `data` of a 200, else `code`."""
        try:
            found = self._find(path, query)
        except Refused:
            return 400, "bad_parameter"
        return (404, "not_found") if found is None else (200, found)

    def _find(self, path, query):
        report = path[0]
        if report in ("events", "revenue") and len(path) == 1:
            return (events if report == "events" else revenue)(self.kept, query, self.retained)
        if report == "users":
            return self._user(path[1:], query)
        if report == "events":
            return people.one_event(self.kept, *path[1:])
        kept = of_source(self.kept, query)
        span = time_range(kept, query.get("from"), query.get("to"), self.retained)
        if report == "demographics":
            return {**people.demographics(kept, self.profiles), **span}
        return {**(people.funnel if report == "funnel" else people.campaigns)(kept, query), **span}

    def _user(self, user, query):
        own = self.by_user.get(user)
        if own is None:
            return None
        start, end = query.get("from"), query.get("to")
        kept = oracle.in_range(oracle.in_range(own, self.retained), start, end)
        seen = [oracle.moment(e) for e in own]
        return {"source": user[0], "userId": user[1], "attributes": people.attributes(user[0], self.profiles[user]),
                "firstSeenAt": oracle.time_text(min(seen)), "lastSeenAt": oracle.time_text(max(seen)), **people.totals(kept),
                **people.page(kept, query), **time_range(kept, start, end, self.retained)}
