"""Random events for the property of all reports: whatever a publisher may send, in waves of which each comes late."""
import datetime
from dataclasses import dataclass

from . import spread
from .events import FACEBOOK_TYPES, ODD_IDS, TIKTOK_TYPES

UTC = datetime.timezone.utc
ZONES = [*spread.ZONES, "Pacific/Chatham", "Africa/Casablanca", "America/St_Johns"]
CHANGES = [change for change in spread.CHANGES if change.year == 2026] + [datetime.datetime(*when, tzinfo=UTC) for when in [
    (2026, 4, 4, 14), (2026, 9, 26, 14),  # Chatham
    (2026, 2, 15, 2), (2026, 3, 22, 2)]]  # Casablanca
AMOUNTS = ["0", "0.00", "0.01", "7", "19.9", "000012.50", "999999999999999.99", None]
CURRENCIES = ["USD", "USD", "EUR", "eur", "JPY", None]
CAMPAIGNS = ["c1", "c2", "c3", "C1", "été & co", "日本", "unknown", "", None, "c" * 200, *ODD_IDS[:4]]
COUNTRIES = ["Germany", "Peru", "France", "Österreich", "unknown", "", "x" * 200]
DEVICES = ["mobile", "desktop", "iOS", "", None]
USERS = [f"user-{n}" for n in range(60)] + ODD_IDS


@dataclass
class Wave:
    sent: list      # in this order; some of it twice, some of it sent before
    accepted: list  # what is stored when it has come: of this wave and those before


def a_time(rng):
    """As text: in UTC or with some offset, with microseconds or without."""
    when = spread.random_time(rng, CHANGES)
    if rng.random() < 0.2:
        offset = datetime.timedelta(minutes=rng.choice([345, -570, 60, 825]))
        return when.astimezone(datetime.timezone(offset)).isoformat()
    return when.isoformat(timespec="auto").replace("+00:00", "Z")


def twist_user(rng, event):
    user = event["data"]["user"]
    user["userId"] = rng.choice(USERS)
    if event["source"] == "facebook":
        user.update(name=rng.choice(["Ada", "Zoë", "", "n" * 500]), age=rng.choice([0, 12, 17.5, 18, 24.99, 25, 34, 45, 55, 150]),
                    gender=rng.choice(["male", "female", "non-binary"]))
        user["location"].update(country=rng.choice(COUNTRIES), city=rng.choice(["A", "B", "Österby", ""]))
    else:
        user.update(username=rng.choice(["ada", "😀"]), followers=rng.choice([0, 999, 1000, 99999, 10**6, 2**53 - 1]))


def twist_engagement(rng, event):
    """Anything that is used may be in any event, or not."""
    engagement = event["data"]["engagement"]
    for name, values, chance in [("purchaseAmount", AMOUNTS, 0.3), ("currency", CURRENCIES, 0.4),
                                 ("campaignId", CAMPAIGNS, 0.4), ("device", DEVICES, 0.3), ("country", COUNTRIES, 0.2)]:
        if rng.random() < chance:
            engagement[name] = rng.choice(values)
        elif rng.random() < 0.1:
            engagement.pop(name, None)
    if rng.random() < 0.04:
        event["data"]["engagement"] = None
    elif rng.random() < 0.04:
        del event["data"]["engagement"]


def random_event(rng, number):
    event = spread.random_event(rng)
    event["timestamp"] = a_time(rng)
    event["eventId"] = f"{rng.choice(['', *ODD_IDS])}{number}"
    types = FACEBOOK_TYPES if event["source"] == "facebook" else TIKTOK_TYPES
    stage = event["funnelStage"] if rng.random() < 0.9 else rng.choice(["top", "bottom"])
    if rng.random() < 0.5:
        event["eventType"] = rng.choice(types[stage])
    twist_user(rng, event)
    twist_engagement(rng, event)
    return event


def again(rng, event, number):
    """An id that was stored, with other contents: what was there first stays."""
    while True:
        other = random_event(rng, number)
        if other["source"] == event["source"]:
            return {**other, "eventId": event["eventId"]}


def draw_waves(rng, count, waves):
    """Of one time or another: no wave is behind the one before."""
    events = [random_event(rng, number) for number in range(count)]
    accepted, drawn = [], []
    for number in range(waves):
        new = events[number::waves]
        conflicts = [again(rng, e, number) for e in rng.sample(accepted, len(accepted) // 20)]
        accepted = accepted + new
        sent = new + rng.choices(accepted, k=count // 20) + conflicts
        rng.shuffle(sent)
        drawn.append(Wave(sent, accepted))
    return drawn
