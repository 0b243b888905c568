"""The page as HTTP sees it: its files, and the figures that go on (GET /live). test_page.py looks at it in a browser."""
import contextlib
import gzip
import json
import re
import socket
import time

import pytest
import requests

from harness.events import facebook_checkout, facebook_event, tiktok_event
from harness.reporter import roles
from harness.wait import wait_for, within

BYTES_MAX = 150 * 1024
WATCHERS_MAX = 64


@pytest.fixture(scope="module")
def gateway(nats, database):
    """With the collectors behind it."""
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url) as start:
        start("fb-collector")
        start("ttk-collector")
        yield start("gateway")


@pytest.fixture
def reporter(start_role, nats, database, gateway):
    return start_role("reporter").wait_ready()


def assets_of(reporter):
    """Every file that the page can ask for: those that it names, and what these import."""
    found, names = set(), {"page.js"} | set(re.findall(r'"/assets/([^"]+)"', reporter.get("/").text))
    while names:
        name = names.pop()
        found.add(name)
        if name.endswith(".js"):
            names |= set(re.findall(r'from "\./([^"]+)"', reporter.get(f"/assets/{name}").text)) - found
    return found


def test_files(reporter):
    names = assets_of(reporter)
    assert {"chart.min.js", "page.css", "panels.js", "time.js"} <= names
    total = 0
    for path in ["/", *(f"/assets/{name}" for name in names)]:
        plain = reporter.get(path, headers={"Accept-Encoding": "identity"})
        packed = reporter.get(path, headers={"Accept-Encoding": "gzip"}, stream=True)
        bytes_ = packed.raw.read(decode_content=False)
        assert plain.status_code == packed.status_code == 200, path
        assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(bytes_) == plain.content
        assert plain.headers["ETag"] != packed.headers["ETag"]
        for answer in plain, packed:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-cache" and answer.headers["Vary"] == "Accept-Encoding"
            again = reporter.get(path, headers={"If-None-Match": answer.headers["ETag"],
                                                "Accept-Encoding": answer.headers.get("Content-Encoding", "identity")})
            assert again.status_code == 304 and not again.content and again.headers["ETag"] == answer.headers["ETag"]
        if path.endswith((".js", ".css")):
            total += len(bytes_)
    assert 50 * 1024 < total <= BYTES_MAX


def test_types_and_what_is_not_there(reporter):
    assert reporter.get("/").headers["Content-Type"] == "text/html; charset=utf-8"
    assert reporter.get("/assets/page.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert reporter.get("/assets/page.css").headers["Content-Type"] == "text/css; charset=utf-8"
    assert reporter.get("/assets/icon.svg").headers["Content-Type"] == "image/svg+xml"
    for path in "/assets/", "/assets/page.js.gz", "/assets/../page.js", "/assets/%2e%2e/page.js", "/page.js":
        assert reporter.get(path).status_code == 404, path
    assert requests.head(reporter.url + "/", timeout=30).status_code == 200
    assert requests.post(reporter.url + "/", timeout=30).status_code == 405


class Watcher:
    """One client of /live."""

    def __init__(self, reporter):
        self.answer = requests.get(reporter.url + "/live", stream=True, timeout=within(30))
        self.lines = self.answer.iter_lines(decode_unicode=True)

    def figures(self):
        """The next ones."""
        for line in self.lines:
            if line.startswith("data: "):
                return json.loads(line[len("data: "):])
        return None

    def wait(self, predicate, seconds=30):
        deadline = time.monotonic() + within(seconds)
        while time.monotonic() < deadline:
            figures = self.figures()
            if predicate(figures):
                return figures
        raise AssertionError(f"the figures did not come; last: {figures}")


@contextlib.contextmanager
def watching(reporter):
    watcher = Watcher(reporter)
    try:
        yield watcher
    finally:
        watcher.answer.close()


def test_figures_follow_the_pipeline(reporter, gateway):
    again = facebook_event()
    with watching(reporter) as watcher:
        assert watcher.answer.status_code == 200
        assert watcher.answer.headers["Content-Type"] == "text/event-stream"
        before = watcher.wait(lambda f: f["sources"]["facebook"] and f["sources"]["tiktok"])
        assert before["database"] == before["nats"] == "ok"
        events = [facebook_checkout() for _ in range(7)] + [tiktok_event() for _ in range(5)] + [again]
        assert gateway.post("/webhook/events", events).status_code == 200
        assert gateway.post("/webhook/events", [again, facebook_event(timestamp="never")]).status_code == 200

        def arrived(now):
            facebook, tiktok = (now["sources"][source] for source in ("facebook", "tiktok"))
            return (facebook["stored"] == before["sources"]["facebook"]["stored"] + 8
                    and tiktok["stored"] == before["sources"]["tiktok"]["stored"] + 5
                    and now["rejected"] == before["rejected"] + 1
                    and facebook["waitingMessages"] == tiktok["waitingMessages"] == 0)

        now = watcher.wait(arrived)
    for source in "facebook", "tiktok":
        figures = now["sources"][source]
        assert not figures["acceptedIsEstimate"]
        assert figures["accepted"] == figures["stored"] + figures["duplicates"] + figures["deadLettered"] + figures["expired"]


def test_servers_that_are_away_are_said_so(start_role, nats, database):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        lone = start_role("reporter", env={"DATABASE_URL": f"postgresql://sluice@127.0.0.1:{port}/sluice"})
        wait_for(lambda: lone.get("/health/liveness").status_code == 200, 20, "the reporter to live")
        with watching(lone) as watcher:
            figures = watcher.figures()
    assert figures["database"] == "away" and figures["nats"] == "ok"
    assert figures["sources"] == {"facebook": None, "tiktok": None}
    assert figures["rejected"] is not None and figures["dataThrough"] is None


def test_watchers_have_a_limit_and_leave_room(reporter):
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(reporter)) for _ in range(WATCHERS_MAX)]
        assert all(watcher.answer.status_code == 200 for watcher in watchers)
        refused = reporter.get("/live")
        assert refused.status_code == 503 and refused.json()["code"] == "overloaded"
        assert refused.headers["Retry-After"]
        assert watchers[0].figures() and watchers[-1].figures()
        assert reporter.get("/reports/events").status_code == 200
    # Who has gone is noticed when there is something to send, at the latest after some seconds.
    wait_for(lambda: "reporter_live_watchers 0" in reporter.get("/metrics").text, 30, "the watchers to be forgotten")


def test_stop_does_not_wait_for_watchers(reporter):
    with watching(reporter) as watcher:
        assert watcher.figures()
        started = time.monotonic()
        reporter.terminate()
        assert watcher.figures() is None  # the end of the answer, not a broken connection
    assert time.monotonic() - started < within(5)
