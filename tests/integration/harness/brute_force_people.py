"""What the reports of users and campaigns must say, counted one by one from the events."""
import collections
import decimal
import hashlib
import json
from decimal import Decimal

from . import oracle

COUNT = collections.Counter


def user_of(event):
    return event["source"], event["data"]["user"]["userId"]


def key_of(event):
    """The event's key, in hexadecimal digits."""
    return hashlib.sha256(f"{event['source']}\0{event['eventId']}".encode()).hexdigest()[:32]


def place_of(event):
    """Events are in the order of time, and of their keys."""
    return oracle.moment(event), key_of(event)


def newest(events):
    return max(events, key=place_of)


def campaign_of(event):
    return oracle.engagement(event).get("campaignId") or ""


def country_of(event):
    """That TikTok's event names; None = it names none."""
    return oracle.engagement(event).get("country")


def profiles(events):
    """{(source, id): what is known of the user now, whatever the range}"""
    by_user = collections.defaultdict(list)
    for event in events:
        by_user[user_of(event)].append(event)
    known = {}
    for (source, user_id), own in by_user.items():
        user = dict(newest(own)["data"]["user"])
        named = [e for e in own if country_of(e) is not None]
        if source == "tiktok" and named:
            user["country"] = country_of(newest(named))
        known[source, user_id] = user
    return known


def top_ten(names, name):
    """The largest, equal ones by name, as a list of the report: of rows {name, count}."""
    rows = sorted(COUNT(names).items(), key=lambda item: (-item[1], item[0].encode()))[:10]
    return [{name: value, "count": count} for value, count in rows]


def in_all(bounds, found):
    """The counts of all buckets: the empty ones are there, too."""
    return {**dict.fromkeys([name for name, _ in bounds] + ["unknown"], 0), **COUNT(found)}


def demographics(kept, known):
    users = {user_of(e): known[user_of(e)] for e in kept}
    facebook = [u for (source, _), u in users.items() if source == "facebook"]
    tiktok = [u for (source, _), u in users.items() if source == "tiktok"]
    return {
        "facebook": {
            "ageGroups": in_all(oracle.AGE_GROUPS, (oracle.bucket(u["age"], oracle.AGE_GROUPS) for u in facebook)),
            "genderDistribution": COUNT(u["gender"] for u in facebook),
            "topLocations": top_ten(("{city}, {country}".format(**u["location"]) for u in facebook), "location")},
        "tiktok": {
            "followerRanges": in_all(oracle.FOLLOWERS, (oracle.bucket(u["followers"], oracle.FOLLOWERS) for u in tiktok)),
            "topCountries": top_ten((u["country"] for u in tiktok if "country" in u), "country")}}


def ratio(part, whole):
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), decimal.ROUND_HALF_UP) if whole else None


def funnel_of_source(own):
    top, bottom = ([e for e in own if e["funnelStage"] == stage] for stage in ("top", "bottom"))
    top_users, bottom_users = ({user_of(e) for e in of} for of in (top, bottom))
    both = len(top_users & bottom_users)
    return {"topUsers": len(top_users), "bottomUsers": len(bottom_users), "bothUsers": both, "topEvents": len(top),
            "bottomEvents": len(bottom), "userConversion": ratio(both, len(top_users))}


def funnel(kept, query):
    sources = [query["source"]] if "source" in query else ["facebook", "tiktok"]
    steps = collections.defaultdict(COUNT)
    for event in kept:
        if campaign_of(event) and event["eventType"] in ("ad.click", "checkout.complete"):
            steps[campaign_of(event)][event["eventType"]] += 1
    rows = [{"campaignId": name, "clicks": n["ad.click"], "checkouts": n["checkout.complete"],
             "conversion": ratio(n["checkout.complete"], n["ad.click"])} for name, n in steps.items()]
    rows.sort(key=lambda row: (-row["clicks"], row["campaignId"].encode()))
    return {"bySource": {name: funnel_of_source([e for e in kept if e["source"] == name]) for name in sources},
            "byCampaign": rows[:query.get("limit", 100)], "campaignCount": len(rows)}


def campaigns_of(kept, currency):
    rows = {}
    for event in kept:
        if not oracle.is_revenue(event) and event["eventType"] != "ad.click":
            continue
        name = campaign_of(event) or "unknown"
        row = rows.setdefault(name, {"campaignId": name, "revenue": Decimal(0), "orders": 0, "buyers": set(), "clicks": 0})
        row["clicks"] += event["eventType"] == "ad.click"
        if oracle.is_revenue(event) and oracle.currency_of(event) == currency:
            row["revenue"] += Decimal(oracle.engagement(event).get("purchaseAmount") or "0")
            row["orders"] += 1
            row["buyers"].add(user_of(event))
    for row in rows.values():
        row["buyers"] = len(row["buyers"])
        row["averageOrderValue"] = (row["revenue"] / row["orders"]).quantize(
            Decimal("0.01"), decimal.ROUND_HALF_UP) if row["orders"] else None
    return list(rows.values())


def sort_campaigns(rows, sort, ascending):
    rows.sort(key=lambda r: r["campaignId"].encode())
    if sort == "campaignId":
        return rows if ascending else rows[::-1]
    known = [r for r in rows if r[sort] is not None]
    return sorted(known, key=lambda r: r[sort] if ascending else -r[sort]) + [r for r in rows if r[sort] is None]


def campaigns(kept, query):
    currency, sort = query.get("currency", "USD"), query.get("sort", "revenue")
    order = query.get("order", "asc" if sort == "campaignId" else "desc")
    rows = sort_campaigns(campaigns_of(kept, currency), sort, order == "asc")
    offset = query.get("offset", 0)
    behind = offset + query.get("limit", 50)
    return {"currency": currency, "campaigns": rows[offset:behind], "campaignCount": len(rows),
            "next": behind if behind < len(rows) else None}


def attributes(source, profile):
    if source == "facebook":
        return {"name": profile["name"], **profile["location"], "age": Decimal(str(profile["age"])),
                "gender": profile["gender"]}
    return {"name": profile["username"], "country": profile.get("country"), "followers": profile["followers"]}


def totals(kept):
    """A user's, in the range."""
    orders = [e for e in kept if oracle.is_revenue(e)]
    report = oracle.events_report(kept)
    return {**{name: report[name] for name in ("totalEvents", "eventsByFunnelStage", "eventsByType")},
            "revenue": oracle.revenue_report(orders)["revenueByCurrency"], "orders": len(orders)}


def cursor_of(event):
    """What `next` says for the page that ends with the event."""
    since = oracle.moment(event) - oracle.parse_time("1970-01-01T00:00:00Z")
    return f"{(since.days * 86400 + since.seconds) * 10**6 + since.microseconds}-{key_of(event)}"


def page(kept, query):
    """A user's events, newest first, behind the event query["before"] if there is one."""
    events = sorted(kept, key=place_of, reverse=True)
    if "before" in query:
        events = [e for e in events if place_of(e) < place_of(query["before"])]
    limit = query.get("limit", 100)
    rows = [{"eventId": e["eventId"], "timestamp": oracle.time_text(oracle.moment(e)), "funnelStage": e["funnelStage"],
             "eventType": e["eventType"], "campaignId": campaign_of(e) or None} for e in events[:limit]]
    return {"events": rows, "next": cursor_of(events[limit - 1]) if len(events) > limit else None}


def one_event(events, source, event_id):
    """None = it was not stored. When it came is not said here."""
    for event in events:
        if (event["source"], event["eventId"]) == (source, event_id):
            return {"source": source, "eventId": event_id, "timestamp": oracle.time_text(oracle.moment(event)),
                    "event": json.loads(json.dumps(event), parse_float=Decimal)}
    return None
