"""Events as publishers send them, and what is wrong with some of them."""
import copy
import datetime
import random
import uuid

FACEBOOK_TYPES = {
    "top": ["ad.view", "page.like", "comment", "video.view"],
    "bottom": ["ad.click", "form.submission", "checkout.complete"],
}
TIKTOK_TYPES = {
    "top": ["video.view", "like", "share", "comment"],
    "bottom": ["profile.visit", "purchase", "follow"],
}

# Ids that are hard to quote, in a path, in SQL, in JSON.
ODD_IDS = ["a/b", "a/../b", "a b", "50%", "%2F", "a+b", "?q=1&r#s", "😀 emoji", "Zoë", "'; DROP TABLE users; --", "{userId}",
           "\\", "\""]


def timestamp(when=None):
    when = when or datetime.datetime.now(datetime.timezone.utc)
    return when.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def merge(base, overrides):
    """overrides by path: {"data.user.age": 5}; a value of ... deletes the field."""
    event = copy.deepcopy(base)
    for path, value in overrides.items():
        *parents, last = path.replace("__", ".").split(".")
        target = event
        for name in parents:
            target = target[name]
        if value is ...:
            del target[last]
        else:
            target[last] = value
    return event


def facebook_event(**overrides):
    return merge({
        "eventId": f"fb-{uuid.uuid4()}", "timestamp": timestamp(), "source": "facebook",
        "funnelStage": "top", "eventType": "ad.view",
        "data": {
            "user": {"userId": "fb-user-1", "name": "Ada Lovelace", "age": 36, "gender": "female",
                     "location": {"country": "Germany", "city": "Berlin"}},
            "engagement": {"actionTime": timestamp(), "referrer": "newsfeed", "videoId": None},
        },
    }, overrides)


def facebook_checkout(**overrides):
    return merge(facebook_event(funnelStage="bottom", eventType="checkout.complete", **{
        "data.engagement": {"adId": "ad-1", "campaignId": "campaign-1", "clickPosition": "center", "device": "mobile",
                            "browser": "Chrome", "purchaseAmount": "12.50"}}), overrides)


def tiktok_event(**overrides):
    return merge({
        "eventId": f"ttk-{uuid.uuid4()}", "timestamp": timestamp(), "source": "tiktok",
        "funnelStage": "top", "eventType": "video.view",
        "data": {
            "user": {"userId": "ttk-user-1", "username": "ada", "followers": 1200},
            "engagement": {"watchTime": 12, "percentageWatched": 80, "device": "iOS", "country": "France",
                           "videoId": "video-1"},
        },
    }, overrides)


def tiktok_purchase(**overrides):
    return merge(tiktok_event(funnelStage="bottom", eventType="purchase", **{
        "data.engagement": {"actionTime": timestamp(), "profileId": None, "purchasedItem": "shoes",
                            "purchaseAmount": "7.05"}}), overrides)


def random_event(rng, now=None, users=1000, span_hours=24):
    """One valid event; rng: random.Random."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    when = timestamp(now - datetime.timedelta(seconds=rng.uniform(0, span_hours * 3600)))
    source = rng.choice(["facebook", "tiktok"])
    stage = rng.choice(["top", "bottom"])
    number = rng.randrange(users)
    profile = random.Random(f"{source}{number}")
    if source == "facebook":
        event = facebook_event(**{
            "data.user": {"userId": f"fb-{number}", "name": f"Name {number}", "age": profile.randint(13, 80),
                          "gender": profile.choice(["male", "female", "non-binary"]),
                          "location": {"country": profile.choice(["Germany", "France", "Spain", "Peru"]),
                                       "city": profile.choice(["A", "B", "C"])}}})
        if stage == "bottom":
            event["data"]["engagement"] = {
                "adId": f"ad-{rng.randrange(50)}", "campaignId": f"campaign-{rng.randrange(20)}",
                "clickPosition": rng.choice(["top_left", "bottom_right", "center"]),
                "device": rng.choice(["mobile", "desktop"]), "browser": rng.choice(["Chrome", "Firefox", "Safari"]),
                "purchaseAmount": f"{rng.randrange(50000) / 100:.2f}" if rng.random() < 0.3 else None}
    else:
        event = tiktok_event(**{
            "data.user": {"userId": f"ttk-{number}", "username": f"user{number}",
                          "followers": int(10 ** profile.uniform(1, 7))},
            "data.engagement.country": profile.choice(["Germany", "France", "Spain", "Peru"])})
        if stage == "bottom":
            event["data"]["engagement"] = {
                "actionTime": when, "profileId": None, "purchasedItem": rng.choice([None, "shoes", "hat"]),
                "purchaseAmount": f"{rng.randrange(50000) / 100:.2f}" if rng.random() < 0.3 else None}
    types = (FACEBOOK_TYPES if source == "facebook" else TIKTOK_TYPES)[stage]
    event.update(eventId=f"{source}-{rng.getrandbits(64):016x}", timestamp=when, funnelStage=stage,
                 eventType=rng.choice(types))
    return event


CORRUPTIONS = [
    ({"eventId": ...}, "/eventId"),
    ({"timestamp": "invalid-timestamp"}, "/timestamp"),
    ({"eventType": ["ad.view"]}, "/eventType"),
    ({"data.user": ...}, "/data/user"),
    ({"source": "myspace"}, "/source"),
    ({"funnelStage": None}, "/funnelStage"),
]


def corrupt_event(rng):
    """One event that the gateway must reject, and the JSON pointer it must name."""
    overrides, pointer = rng.choice(CORRUPTIONS)
    return merge(random_event(rng), overrides), pointer
