"""How the reporter's answers look: envelope and freshness, entity tags, compression, CSV."""
import csv
import gzip
import io
import json
import random
import re
import uuid

import pytest

from harness.events import facebook_event, random_event
from harness.reporter import roles, store

CAMPAIGNS = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "a,b", "say \"hi\"", "line\r\nbreak", "été & 東京 😀", "plain"]
EVENTS = 300


def purchase(campaign, amount, **fields):
    event = facebook_event(funnelStage="bottom", eventType="checkout.complete", **fields)
    event["data"]["engagement"] = {"adId": "a", "campaignId": campaign, "clickPosition": "center", "device": "mobile",
                                   "browser": "Firefox", "purchaseAmount": amount}
    return event


@pytest.fixture(scope="module")
def events():
    rng = random.Random(5)
    return [purchase(campaign, f"{n}.50") for n, campaign in enumerate(CAMPAIGNS, 1)] + \
        [purchase(f"campaign-{n:03}", "1.00") for n in range(EVENTS)] + [random_event(rng) for _ in range(50)]


@pytest.fixture(scope="module")
def reporter(nats, database, events):
    store(nats, database, events, len(events))
    with roles(DATABASE_URL=database.url) as start:
        yield start("reporter")


@pytest.fixture
def progress(database):
    """tell(stream, time): how far the stream is stored; all is forgotten before and after."""
    def tell(stream, through):
        database.execute("INSERT INTO stream_progress (stream, through) VALUES (%s, %s)", (stream, through))

    database.execute("DELETE FROM stream_progress")
    yield tell
    database.execute("DELETE FROM stream_progress")


def ask(reporter, path="/reports/revenue", encoding="identity", **headers):
    answer = reporter.get(path, headers={"Accept-Encoding": encoding, **{k.replace("_", "-"): v for k, v in headers.items()}})
    assert answer.status_code in (200, 304), answer.text
    return answer


def test_the_envelope_says_how_fresh_and_how_fast(reporter, progress):
    body = ask(reporter).json()
    assert set(body) == {"success", "data", "dataThrough", "tookMs", "correlationId", "timestamp"}
    assert body["dataThrough"] is None and 0 <= body["tookMs"] < 10000
    assert re.search(r'"tookMs":\d+(\.\d)?,', ask(reporter).text)
    progress("FACEBOOK_EVENTS", "2026-01-31T12:00:00.123456Z")
    assert ask(reporter).json()["dataThrough"] == "2026-01-31T12:00:00.123456Z"
    progress("TIKTOK_EVENTS", "2026-01-31T11:00:00Z")
    for report in ("events", "revenue", "demographics"):
        assert ask(reporter, f"/reports/{report}").json()["dataThrough"] == "2026-01-31T11:00:00.000Z"


def test_the_tag_is_that_of_the_data(reporter, nats, database, events, progress):
    first = ask(reporter)
    assert re.fullmatch('"[0-9a-f]{32}"', first.headers["ETag"])
    assert first.headers["Cache-Control"] == "no-cache" and first.headers["Vary"] == "Accept, Accept-Encoding"
    progress("FACEBOOK_EVENTS", "2026-01-31T12:00:00Z")
    again = ask(reporter)
    assert again.text != first.text and again.headers["ETag"] == first.headers["ETag"]
    assert ask(reporter, "/reports/revenue?source=tiktok").headers["ETag"] != first.headers["ETag"]
    forms = [ask(reporter, encoding="gzip"), ask(reporter, "/reports/revenue?format=csv"), first]
    assert len({a.headers["ETag"] for a in forms}) == 3

    events.append(purchase("one more", "0.01"))
    store(nats, database, events[-1:], len(events))
    assert ask(reporter).headers["ETag"] != first.headers["ETag"]
    assert ask(reporter, If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", W/{}', '"x,y",{}', "*"])
def test_what_is_known_is_not_sent_again(reporter, form, progress):
    for path, encoding in (("/reports/revenue", "identity"), ("/reports/revenue", "gzip"), ("/reports/events?format=csv", "gzip")):
        tag = ask(reporter, path, encoding).headers["ETag"]
        answer = ask(reporter, path, encoding, If_None_Match=form.format(tag), X_Correlation_Id="again")
        assert answer.status_code == 304 and answer.content == b""
        assert answer.headers["ETag"] == tag and answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding" and answer.headers["X-Correlation-Id"] == "again"
        assert "Content-Encoding" not in answer.headers and "Content-Type" not in answer.headers


def test_another_tag_is_answered(reporter):
    for tag in ('"0123"', "", ask(reporter).headers["ETag"].strip('"')):
        assert ask(reporter, If_None_Match=tag).status_code == 200
    assert reporter.get("/reports/events?source=x", headers={"If-None-Match": "*"}).status_code == 400


def test_large_answers_are_compressed_for_those_who_take_it(reporter):
    plain = ask(reporter)
    assert "Content-Encoding" not in plain.headers and len(plain.content) > 1024
    for accepted in ("gzip", "br, gzip;q=0.5", "*"):
        packed = ask(reporter, encoding=accepted)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
        assert packed.json()["data"] == plain.json()["data"]
    for refused in ("gzip;q=0", "br", "*;q=0"):
        assert "Content-Encoding" not in ask(reporter, encoding=refused).headers
    small = ask(reporter, "/reports/revenue?campaignId=plain", encoding="gzip")
    assert len(small.content) < 1024 and "Content-Encoding" not in small.headers


def test_head_is_get_without_the_body(reporter):
    import requests

    for path in ("/reports/revenue", "/reports/revenue?format=csv"):
        got = ask(reporter, path, encoding="gzip")
        head = requests.head(reporter.url + path, headers={"Accept-Encoding": "gzip"}, timeout=30)
        assert head.status_code == 200 and head.content == b""
        for name in ("ETag", "Content-Type", "Content-Encoding", "Vary"):
            assert head.headers[name] == got.headers[name]
    head = requests.head(reporter.url + "/reports/revenue", headers={"If-None-Match": "*"}, timeout=30)
    assert head.status_code == 304


def rows_of(answer):
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = answer.content.decode("utf-8")
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def flat(value, path=""):
    if not isinstance(value, (dict, list)):
        return [[path, "" if value is None else str(value)]]
    members = value.items() if isinstance(value, dict) else enumerate(value)
    return [line for key, inner in members for line in flat(inner, f"{path}.{key}" if path else str(key))]


@pytest.mark.parametrize("report", ["events", "revenue", "demographics"])
def test_csv_holds_what_json_holds(reporter, report, progress):
    progress("FACEBOOK_EVENTS", "2026-01-31T12:00:00Z")
    answer = ask(reporter, f"/reports/{report}?format=csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{report}.csv"'
    assert answer.headers["X-Data-Through"] == "2026-01-31T12:00:00.000Z"
    data = json.loads(ask(reporter, f"/reports/{report}").text, parse_float=str)["data"]
    assert rows_of(answer) == [["name", "value"]] + flat(data)


def test_amounts_keep_their_decimals(reporter):
    rows = dict(rows_of(ask(reporter, "/reports/revenue?format=csv&campaignId=plain")))
    assert rows["totalRevenue"] == f"{len(CAMPAIGNS)}.50"


def test_who_asks_for_csv_in_which_way(reporter):
    csv_type = "text/csv; charset=utf-8"
    wanted = [("", "text/csv", csv_type), ("", "application/json, text/csv;q=0.5", "application/json"),
              ("", "text/csv, application/json;q=0.5", csv_type), ("", "*/*", "application/json"),
              ("", "text/html", "application/json"), ("?format=json", "text/csv", "application/json"),
              ("?format=csv", "application/json", csv_type)]
    for query, accept, content_type in wanted:
        assert ask(reporter, "/reports/events" + query, Accept=accept).headers["Content-Type"] == content_type
    packed = ask(reporter, "/reports/revenue?format=csv", encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip" and len(rows_of(packed)) > EVENTS


def test_errors_are_json_whatever_was_asked_for(reporter):
    correlation = str(uuid.uuid4())
    answer = reporter.get("/reports/events?format=csv&source=x", headers={"Accept": "text/csv", "X-Correlation-Id": correlation})
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/json"
    assert answer.json()["code"] == "bad_parameter" and answer.json()["correlationId"] == correlation
    answer = reporter.get("/reports/events?format=xml")
    assert answer.status_code == 400 and "format: takes json or csv" in answer.json()["error"]


def test_a_compressed_answer_is_one_whole_stream(reporter):
    import requests

    with requests.get(reporter.url + "/reports/revenue", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=30) as answer:
        assert json.loads(gzip.decompress(answer.raw.read()))["success"] is True
