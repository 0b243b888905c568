"""The page in a real browser: its figures are those of the API, and people can use it."""
import contextlib
import datetime
import decimal
import os
import pathlib
import random
import re
import select
import socket
import threading
import urllib.parse

import pytest
import requests

from harness.browser import Keys, browsing
from harness.events import facebook_checkout, facebook_event, random_event, tiktok_event, tiktok_purchase
from harness.roles import Role
from harness.stack import Stack
from harness.wait import wait_for

ZONE = "Asia/Kathmandu"
PANELS = ["events", "revenue", "funnel", "campaigns-panel", "demographics"]
TILES = ["total-events", "total-users", "total-revenue", "total-orders"]


def some_events(seed, count):
    rng = random.Random(seed)
    events = [random_event(rng, users=150, span_hours=60) for _ in range(count)]
    for i in range(40):
        purchase = facebook_checkout if i % 2 else tiktok_purchase
        events.append(purchase(**{"data.engagement.purchaseAmount": f"{rng.randrange(9000) / 100:.2f}"}))
    return events


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    try:
        stack.up().wait_ready()
        events = some_events(1, 900)
        assert stack.post(events).json()["failed"] == 0
        wait_for(lambda: stack.stored() == len(events), 30, "the events to be stored")
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def chromium():
    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(chromium):
    """Nothing may fail silently: whatever the console says must have been asked for."""
    chromium.resize(1280, 900)
    chromium.prefer()
    chromium.console()
    yield chromium
    assert chromium.console() == []


@pytest.fixture(scope="module")
def span():
    """Of all events, with both ends given and none of them on a bucket's."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    as_text = "%Y-%m-%dT%H:%M:%SZ"
    return {"from": (now - datetime.timedelta(hours=61)).strftime(as_text),
            "to": (now + datetime.timedelta(minutes=17)).strftime(as_text)}


def address(stack, **filters):
    return f"{stack.url('reporter')}/?{urllib.parse.urlencode(filters)}"


def custom(stack, span, **filters):
    return address(stack, range="custom", **span, tz=ZONE, **filters)


def report(stack, name, **query):
    answer = stack.get("reporter", f"/reports/{name}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def number(text):
    """The figure in a text as people read it."""
    return decimal.Decimal(re.sub(r"[^\d.]", "", text) or "0")


def tile(browser, name):
    return number(browser.text(f"#{name} .value"))


def column(browser, selector, nth):
    return [number(text) for text in browser.texts(f"{selector} tbody tr > :nth-child({nth})")]


def active_users(funnel):
    return sum(s["topUsers"] + s["bottomUsers"] - s["bothUsers"] for s in funnel["bySource"].values())


def check_tiles(browser, stack, **query):
    source = {"source": query["source"]} if query.get("source") else {}
    bounds = {"from": query["from"], "to": query["to"]}
    revenue = report(stack, "revenue", **bounds, **source)
    assert tile(browser, "total-events") == report(stack, "events", **bounds, **source)["totalEvents"]
    assert tile(browser, "total-users") == active_users(report(stack, "funnel", **bounds, **source))
    assert tile(browser, "total-revenue") == decimal.Decimal(str(revenue["totalRevenue"]))
    assert tile(browser, "total-orders") == revenue["transactionCount"]


def test_totals_and_series_are_those_of_the_api(stack, browser, span):
    browser.open(custom(stack, span))
    check_tiles(browser, stack, **span)
    for panel, button in ("events", "Table"), ("revenue", "Table"):
        assert browser.text(f"#{panel} .as-table") == button
        browser.find(f"#{panel} .as-table").click()
    series = report(stack, "events", **span, interval="hour", timezone=ZONE)["series"]
    assert column(browser, "#events .numbers", 2) == [bucket["totalEvents"] for bucket in series]
    shown = [sum(column(browser, "#events .numbers", nth)) for nth in range(3, 3 + len(browser.all("#events .legend button")))]
    assert sum(shown) == sum(bucket["totalEvents"] for bucket in series)
    series = report(stack, "revenue", **span, interval="hour", timezone=ZONE)["series"]
    assert column(browser, "#revenue .numbers", 2) == [decimal.Decimal(str(bucket["totalRevenue"])) for bucket in series]
    assert column(browser, "#revenue .numbers", 3) == [bucket["transactionCount"] for bucket in series]
    assert "period before" in browser.text("#total-events .change")


def test_funnel_and_demographics_are_those_of_the_api(stack, browser, span):
    browser.open(custom(stack, span))
    for source, figures in report(stack, "funnel", **span)["bySource"].items():
        shown = [number(text) for text in browser.texts(f'.funnel[data-source="{source}"] .bars .number')]
        assert shown == [figures["topUsers"], figures["bothUsers"], figures["bottomUsers"]]
    people = report(stack, "demographics", **span)
    facebook, tiktok = people["facebook"], people["tiktok"]
    expected = [
        *(n for word, n in facebook["ageGroups"].items() if n or word != "unknown"),
        *(n for word, n in facebook["genderDistribution"].items() if n or word != "unknown"),
        *(row["count"] for row in facebook["topLocations"]),
        *(n for word, n in tiktok["followerRanges"].items() if n or word != "unknown"),
        *(row["count"] for row in tiktok["topCountries"]),
    ]
    assert [number(text) for text in browser.texts("#demographics .bars .number")] == expected


def test_campaigns_are_sorted_and_paged(stack, browser, span):
    def shown():
        return browser.texts("#campaigns-panel tbody th")

    def expected(**query):
        return [row["campaignId"] for row in report(stack, "campaigns", **span, limit=10, **query)["campaigns"]]

    def press(selector, **query):
        browser.find(selector).click()
        wait_for(lambda: shown() == expected(**query), 20, f"the campaigns as {query}")

    browser.open(custom(stack, span))
    assert shown() == expected(sort="revenue", order="desc") and len(shown()) == 10
    revenue = [decimal.Decimal(str(row["revenue"])) for row in report(stack, "campaigns", **span, limit=10)["campaigns"]]
    assert column(browser, "#campaigns-panel", 2) == revenue
    press('[data-turn="Next"]', sort="revenue", order="desc", offset=10)
    press('[data-turn="Previous"]', sort="revenue", order="desc")
    press('[data-sort="clicks"]', sort="clicks", order="desc")
    press('[data-sort="clicks"]', sort="clicks", order="asc")
    press('[data-sort="campaignId"]', sort="campaignId", order="asc")
    assert browser.find('th[aria-sort="ascending"]').text.startswith("Campaign")
    campaign = shown()[0]
    with browser.reload_of_figures():
        browser.find("#campaigns-panel tbody th button").click()
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(browser.driver.current_url).query)["campaign"] == [campaign]
    one = report(stack, "revenue", **span, campaignId=campaign)
    assert tile(browser, "total-revenue") == decimal.Decimal(str(one["totalRevenue"]))


def test_filters_live_in_the_address(stack, browser, span):
    browser.open(custom(stack, span))
    everything = tile(browser, "total-events")
    with browser.reload_of_figures():
        browser.choose("source", "facebook")
    assert "source=facebook" in browser.driver.current_url
    check_tiles(browser, stack, **span, source="facebook")
    facebook = tile(browser, "total-events")
    assert facebook < everything
    with browser.reload_of_figures():
        browser.driver.back()
    assert "source" not in browser.driver.current_url and tile(browser, "total-events") == everything
    assert browser.find("#filters [name=source]").get_property("value") == ""
    with browser.reload_of_figures():
        browser.driver.forward()
    assert tile(browser, "total-events") == facebook
    shared = browser.driver.current_url
    browser.open(shared)
    assert tile(browser, "total-events") == facebook
    assert browser.find("#filters [name=tz]").get_property("value") == ZONE
    link = browser.find("#events a.csv").get_attribute("href")
    lines = requests.get(link, timeout=30).text.splitlines()
    assert lines[0].startswith("start,") and len(lines) > 60
    with browser.reload_of_figures():
        browser.find("#reset").click()
    assert browser.driver.current_url == f"{stack.url('reporter')}/"


def test_an_interval_and_a_currency_are_asked_for(stack, browser, span):
    browser.open(custom(stack, span, interval="day", currency="EUR"))
    series = report(stack, "events", **span, interval="day", timezone=ZONE)["series"]
    browser.find("#events .as-table").click()
    assert column(browser, "#events .numbers", 2) == [bucket["totalEvents"] for bucket in series]
    assert "€" in browser.text("#total-revenue .value")


def luminance(browser):
    colour = browser.script("return getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_light_and_dark(stack, browser, span):
    browser.open(custom(stack, span))
    assert luminance(browser) > 600
    browser.prefer(colour_scheme="dark")
    wait_for(lambda: luminance(browser) < 150, 10, "the dark colours")
    for word in "light", "dark":
        with browser.reload_of_figures():
            browser.find("#theme").click()
        assert browser.text("#theme") == f"Colours: {word}"
        assert (luminance(browser) > 600) == (word == "light")
    browser.prefer(colour_scheme="light")
    browser.open(custom(stack, span))
    assert luminance(browser) < 150
    with browser.reload_of_figures():
        browser.find("#theme").click()
    assert browser.text("#theme") == "Colours: auto" and luminance(browser) > 600


def test_a_phone_needs_no_sideways_scrolling(stack, browser, span):
    browser.resize(360, 740)
    browser.prefer(reduced_motion="reduce")
    browser.open(custom(stack, span))
    for panel in "events", "revenue":
        browser.find(f"#{panel} .as-table").click()
    assert browser.script("return document.documentElement.scrollWidth") <= 360
    lefts = browser.script("return [...document.querySelectorAll('.panel')].map(e => Math.round(e.getBoundingClientRect().left))")
    assert len(set(lefts)) == 1 and len(lefts) == 6


def test_the_keyboard_is_enough(stack, browser, span):
    browser.open(custom(stack, span))
    assert browser.tab() == "skip"
    order = [browser.tab() for _ in range(30)]  # the two times have a stop for each of their parts
    stops = list(dict.fromkeys(order))
    wanted = ["refresh", "theme", "range", "from", "to", "interval", "source", "campaign", "currency", "tz", "reset"]
    assert [stop for stop in stops if stop in wanted] == wanted, order
    assert browser.script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.script("document.querySelector('.skip').focus()")
    browser.press(Keys.ENTER)
    assert browser.script("return document.activeElement.id") == "main"
    browser.script("document.querySelector('#events .legend button').focus()")
    browser.press(Keys.SPACE)
    assert browser.script("return document.activeElement.getAttribute('aria-pressed')") == "false"
    browser.script("document.querySelector('[data-sort=clicks]').focus()")
    browser.press(Keys.ENTER)
    wait_for(lambda: browser.script("return document.activeElement.dataset.sort") == "clicks"
             and browser.all('[aria-sort="descending"] [data-sort=clicks]'), 20, "the order by clicks, with the focus kept")
    unnamed = browser.script("""return [...document.querySelectorAll("button, a, input, select")].filter(
        e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).map(e => e.outerHTML)""")
    assert unnamed == []
    charts = browser.script("return [...document.querySelectorAll('#events canvas, #revenue canvas')].map(e => e.ariaLabel)")
    assert len(charts) == 2 and all("in all" in label for label in charts)


def test_a_range_without_anything_says_so(stack, browser):
    browser.open(address(stack, range="custom", **{"from": "2001-01-01T00:00:00Z", "to": "2001-02-01T00:00:00Z"}))
    states = browser.script("return [...document.querySelectorAll('.panel[data-state]')].map(e => [e.id, e.dataset.state])")
    assert {id_: state for id_, state in states if id_ != "health"} == {panel: "empty" for panel in PANELS}
    assert "Nothing in this range" in browser.text("#events .state")
    assert tile(browser, "total-events") == 0


class Relay:
    """A way to the database that can be closed."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.open = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                if not self.open:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.pairs.append((near, far))
                threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    @staticmethod
    def carry(near, far):
        with contextlib.suppress(OSError, ValueError), near, far:
            while True:
                for side in select.select([near, far], [], [])[0]:
                    data = side.recv(65536)
                    if not data:
                        return
                    (far if side is near else near).sendall(data)

    def cut(self):
        self.open = False
        for pair in self.pairs:
            for side in pair:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        self.listener.close()


@pytest.fixture
def relayed(stack, tmp_path):
    """Another reporter of the stack, whose database can be taken away."""
    settings = dict(line.split("=", 1) for line in (stack.data / "run" / "stack.env").read_text().splitlines() if "=" in line)
    url = settings["DATABASE_URL"]
    relay = Relay(stack.port("postgres"))
    role = Role("reporter", str(tmp_path), {"NATS_URL": settings["NATS_URL"],
                                            "DATABASE_URL": url.replace(f":{stack.port('postgres')}/", f":{relay.port}/")})
    try:
        yield role.wait_ready(), relay
    finally:
        role.terminate()
        relay.close()


def test_a_database_that_is_away_and_comes_back(relayed, browser):
    role, relay = relayed
    browser.open(f"{role.url}/?range=7d")
    wait_for(lambda: browser.text("#health-state") == "live", 20, "the live figures")
    before = tile(browser, "total-events")
    relay.cut()
    with browser.reload_of_figures():
        browser.find("#refresh").click()
    for panel in PANELS:
        assert browser.find(f"#{panel}").get_attribute("data-state") == "error", panel
        assert browser.text(f"#{panel} .state p") == "The database does not answer just now."
    assert browser.text("#total-events .value") == "–"
    wait_for(lambda: "PostgreSQL does not answer" in browser.text("#health-state"), 30, "the health to tell")
    relay.open = True
    wait_for(lambda: role.get("/health/readiness").status_code == 200, 30, "the reporter to be ready again")
    browser.find("#events .state button").click()
    wait_for(lambda: browser.find("#events").get_attribute("data-state") == "filled", 20, "the events to be back")
    assert tile(browser, "total-events") == before
    assert all("503" in line["message"] for line in browser.console())


def test_live(stack, browser):
    browser.open(address(stack, range="24h"))
    wait_for(lambda: browser.text("#health-state") == "live" and browser.all('[data-figure="stored"]'), 20, "the live figures")

    def stored():
        return number(browser.text('[data-figure="stored"] .value'))

    assert stored() == stack.stored()
    before, total = stored(), tile(browser, "total-events")
    events = [facebook_event() for _ in range(30)] + [tiktok_event() for _ in range(25)]
    assert stack.post(events).json()["processed"] == 55
    wait_for(lambda: stored() == before + 55, 20, "the health to count them")
    wait_for(lambda: tile(browser, "total-events") == total + 55, 30, "the report to be asked for anew")
    assert number(browser.text('[data-figure="accepted"] .value')) >= before + 55


def test_pictures(stack, browser, span):
    """For the docs: SLUICE_PICTURES=docs/images. They are of the events of this test."""
    folder = pathlib.Path(os.environ.get("SLUICE_PICTURES") or pytest.skip("SLUICE_PICTURES names no folder"))
    for name, width, scheme in ("dashboard", 1280, "light"), ("dashboard-dark", 1280, "dark"), ("dashboard-phone", 360, "light"):
        browser.resize(width, 900)
        browser.prefer(colour_scheme=scheme, reduced_motion="reduce")
        browser.open(custom(stack, span))
        wait_for(lambda: browser.text("#health-state") == "live", 20, "the live figures")
        browser.resize(width, browser.script("return document.documentElement.scrollHeight"))
        browser.driver.save_screenshot(str(folder / f"{name}.png"))
