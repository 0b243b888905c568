"""Bad input gets a clear error, and never a crash, a leak or a stuck connection."""
import gzip
import json
import random
import threading
import time
import zlib

import pytest

from harness.binary import sanitized
from harness.events import facebook_event, tiktok_event
from harness.gateway import (CHUNKED, RawClient, chunk, gateway_fixture, last_seq, new_messages, post_bytes,
                             stored_events)
from harness.wait import wait_for, within

BODY_MAX = 4 << 20

gateway = gateway_fixture(BODY_MAX_BYTES=BODY_MAX, REQUEST_TIMEOUT="3s", IDLE_TIMEOUT="3s", BULK_MAX_EVENTS=50_000)

EVENT = json.dumps(facebook_event()).encode()
PACKED = {"Content-Encoding": "gzip"}
LINES = {"Content-Type": "application/x-ndjson"}
EVENTS, BULK = "/webhook/events", "/webhook/events/bulk"


def check_alive(gateway):
    assert gateway.post(EVENTS, facebook_event()).status_code == 200


UNREADABLE = {
    "not JSON": (EVENTS, b"hello", {}),
    "truncated": (EVENTS, EVENT[:-1], {}),
    "truncated in a string": (EVENTS, EVENT[:30], {}),
    "two values": (EVENTS, EVENT + EVENT, {}),
    "something behind": (EVENTS, EVENT + b",", {}),
    "a bracket too many": (EVENTS, b"[" + EVENT + b"]]", {}),
    "other brackets": (EVENTS, b"[" + EVENT + b"}", {}),
    "invalid UTF-8": (EVENTS, EVENT.replace(b"Ada", b"A\xffa"), {}),
    "invalid UTF-8 in one of many": (EVENTS, b"[" + EVENT + b"," + EVENT.replace(b"Ada", b"\xc0\xaf") + b"]", {}),
    "a byte-order mark": (EVENTS, b"\xef\xbb\xbf" + EVENT, {}),
    "nested and never closed": (EVENTS, b"[" * 100_000, {}),
    "bulk without events": (BULK, b'{"event":[]}', {}),
    "bulk with an object": (BULK, b'{"events":{}}', {}),
    "bulk with an array": (BULK, b"[" + EVENT + b"]", {}),
    "broken gzip": (EVENTS, b"\x1f\x8b\x08\x00broken", PACKED),
    "no gzip": (EVENTS, EVENT, PACKED),
    "gzip cut off": (EVENTS, gzip.compress(EVENT)[:-5], PACKED),
    "gzip with a wrong checksum": (EVENTS, gzip.compress(EVENT)[:-8] + b"\0" * 8, PACKED),
    "gzip with something behind": (EVENTS, gzip.compress(EVENT) + b"tail", PACKED),
    "zlib instead of gzip": (EVENTS, zlib.compress(EVENT), PACKED),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_bodies_are_kept_before_the_answer(nats, gateway, name):
    path, body, headers = UNREADABLE[name]
    before = last_seq(nats, "EVENTS_UNREADABLE"), last_seq(nats, "FACEBOOK_EVENTS")
    answer = gateway.post(path, body, headers={**headers, "X-Correlation-Id": name.replace(" ", "-")})
    result = answer.json()
    assert answer.status_code == 400 and result["success"] is False
    assert result["code"] in ("invalid_json", "invalid_gzip") and result["error"]
    assert result["correlationId"] == name.replace(" ", "-") and result["errors"][0]["index"] == 0
    message, = new_messages(nats, "EVENTS_UNREADABLE", before[0])
    assert message.payload == body[:512 * 1024]
    assert message.headers["Dlq-Original-Bytes"] == str(len(body))
    assert message.headers["Dlq-Correlation-Id"] == name.replace(" ", "-")
    assert last_seq(nats, "FACEBOOK_EVENTS") == before[1], "nothing of such a body is stored"


@pytest.mark.parametrize("path, body, headers, code", [
    (EVENTS, b"", {}, 400), (EVENTS, b" \n", {}, 400), (EVENTS, b"[]", {}, 400), (EVENTS, b" [ ] ", {}, 400),
    (BULK, b'{"events":[]}', {}, 400), (EVENTS, b"\n\n", LINES, 400), (EVENTS, gzip.compress(b""), PACKED, 400),
    (EVENTS, gzip.compress(b"[]"), PACKED, 400),
    (EVENTS, b"[" + b"1," * 50_000 + b"1]", {}, 413), (BULK, b'{"events":[' + b"1," * 50_000 + b"1]}", {}, 413),
    (EVENTS, b"1\n" * 50_001, LINES, 413), (EVENTS, gzip.compress(b"1\n" * 50_001), {**LINES, **PACKED}, 413),
])
def test_nothing_or_too_much(nats, gateway, path, body, headers, code):
    streams = ("FACEBOOK_EVENTS", "EVENTS_DLQ", "EVENTS_UNREADABLE")
    before = [last_seq(nats, stream) for stream in streams]
    answer = gateway.post(path, body, headers=headers)
    assert answer.status_code == code
    assert answer.json()["code"] == ("no_events" if code == 400 else "too_many_events")
    assert before == [last_seq(nats, stream) for stream in streams]


def deep(depth):
    return EVENT[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


BAD_EVENTS = {
    "NUL": EVENT.replace(b"Ada", b"A\\u0000a"),
    "NUL in what nobody reads": EVENT[:-1] + b',"more":["\\u0000"]}',
    "lone surrogate": EVENT.replace(b"Ada", b"A\\ud800a"),
    "bad escape": EVENT.replace(b"Ada", b"A\\xa"),
    "a raw control character": EVENT.replace(b"Ada", b"A\x01a"),
    "a key twice": EVENT[:-1] + b',"eventId":"x"}',
    "a number out of range": EVENT[:-1] + b',"n":1e999}',
    "a number that is none": EVENT[:-1] + b',"n":01}',
    "a word that is none": EVENT[:-1] + b',"n":tru}',
    "deep": deep(65),
    "nested 100,000 deep": deep(100_000),
    "a scalar": b"17",
    "an array": b"[[]]",
    "nothing between commas": b"",
    "two without a comma": EVENT + b" " + EVENT,
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_bad_events_are_rejected_alone(nats, gateway, name):
    before = last_seq(nats, "EVENTS_DLQ"), last_seq(nats, "FACEBOOK_EVENTS")
    good = facebook_event()
    answer = gateway.post(EVENTS, b"[" + BAD_EVENTS[name] + b"," + json.dumps(good).encode() + b"]")
    result = answer.json()
    assert answer.status_code == 200, result
    assert (result["processed"], result["failed"], result["errors"][0]["index"]) == (1, 1, 0)
    letter, = new_messages(nats, "EVENTS_DLQ", before[0])
    assert letter.payload == BAD_EVENTS[name]
    assert [s.id for s in stored_events(nats, after=before[1])] == [good["eventId"]]


def test_deep_enough_is_taken(gateway):
    assert gateway.post(EVENTS, deep(60)).status_code == 200


def test_a_line_that_is_broken_costs_only_itself(gateway):
    body = EVENT[:-3] + b"\n" + json.dumps(tiktok_event()).encode() + b"\n{}{}\n"
    result = gateway.post(EVENTS, body, headers=LINES).json()
    assert (result["processed"], result["failed"], [e["index"] for e in result["errors"]]) == (1, 2, [0, 2])


def test_hostile_ids_stay_what_they_are(nats, gateway):
    hostile = "'; DROP TABLE x; --\r\n\x1b[31m{\"level\":\"error\"}"
    good = facebook_event(eventId=hostile)
    bad = facebook_event(eventId=hostile, timestamp="never")
    result = gateway.post(EVENTS, [good, bad], headers={"X-Correlation-Id": "hostile"}).json()
    assert (result["processed"], result["errors"][0]["eventId"]) == (1, hostile)
    assert hostile in [s.id for s in stored_events(nats)]
    assert "\x1b" not in gateway.log_text() and not [x for x in gateway.log_lines() if x.get("service") != "gateway"]


# ---- sizes ----


def padded_event(size):
    """A valid array of exactly `size` bytes."""
    body = b"[" + EVENT + b"]"
    return body + b" " * (size - len(body))


@pytest.mark.parametrize("size, status", [(BODY_MAX - 1, 200), (BODY_MAX, 200), (BODY_MAX + 1, 413)])
@pytest.mark.parametrize("way", ["length", "chunked", "gzip"])
def test_the_cap_of_a_body(gateway, size, status, way):
    body = padded_event(size)
    with RawClient(gateway) as client:
        if way == "length":
            client.try_send(post_bytes(body))
        elif way == "gzip":
            client.send(post_bytes(gzip.compress(body, 1), headers=["Content-Encoding: gzip"]))
        else:
            client.try_send(CHUNKED + b"".join(chunk(body[i:i + 99_999]) for i in range(0, size, 99_999)) + b"0\r\n\r\n")
        answer = client.answer()
        assert answer.status == status
        if status == 413:
            assert answer.json()["code"] == "body_too_large"


def test_chunks_without_end_are_cut_at_the_cap(gateway):
    with RawClient(gateway) as client:
        client.try_send(CHUNKED)
        piece = chunk(b"[" * 65536)
        for _ in range(2 * BODY_MAX // 65536):
            client.try_send(piece)
        assert client.answer().status == 413
        assert client.rest() == b""


def test_a_length_of_a_gigabyte_is_refused_at_once(gateway):
    with RawClient(gateway) as client:
        client.send(b"POST /webhook/events HTTP/1.1\r\nHost: t\r\nContent-Length: 1073741824\r\n\r\n")
        assert client.answer().status == 413


def resident(gateway):
    with open(f"/proc/{gateway.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


def bomb(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"\0" * (1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


def test_gzip_bombs(gateway):
    """256 MiB in 256 KiB each, eight at a time: refused when the cap is passed, not when all is inflated."""
    body = bomb(256 << 20)
    before = resident(gateway)
    statuses = []

    def send():
        statuses.append(gateway.post(EVENTS, body, headers=PACKED).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [413] * 8
    assert sanitized() or resident(gateway) - before < 64 << 20
    check_alive(gateway)


# ---- clients that misbehave ----


@pytest.mark.parametrize("part", ["head", "body", "chunk"])
def test_a_client_that_stops_half_way(gateway, part):
    request = post_bytes(EVENT) if part != "chunk" else CHUNKED + chunk(EVENT)
    cut = {"head": 20, "body": len(request) - 10, "chunk": len(request) - 10}[part]
    with RawClient(gateway) as client:
        client.send(request[:cut])
        answer = client.answer()
        assert answer is None or answer.status == 408
        assert client.rest() == b"", "closed by the server within its timeouts"
    check_alive(gateway)


def test_clients_that_go_away_leave_nothing_behind(gateway):
    for cut in (1, 30, 200, len(post_bytes(EVENT))):
        for _ in range(50):
            with RawClient(gateway) as client:
                client.send(post_bytes(EVENT)[:cut])
    wait_for(lambda: gateway.metrics()["http_connections_open"] <= 2, what="the connections to be forgotten")
    wait_for(lambda: gateway.metrics()["http_inflight_bytes"] == 0, what="the bodies to be freed")
    check_alive(gateway)


def test_pipelined_requests_get_one_answer_each_in_order(nats, gateway):
    events = [facebook_event() for _ in range(40)]
    with RawClient(gateway) as client:
        client.send(b"".join(post_bytes(event, headers=[f"X-Correlation-Id: pipe-{i}"]) for i, event in enumerate(events)))
        answers = [client.answer() for _ in events]
    assert [(a.status, a.json()["correlationId"]) for a in answers] == [(200, f"pipe-{i}") for i in range(40)]
    ids = [s.id for s in stored_events(nats)]
    assert all(ids.count(event["eventId"]) == 1 for event in events)


def framed(*headers, version="1.1", body=EVENT):
    lines = [f"POST /webhook/events HTTP/{version}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


LENGTH = f"Content-Length: {len(EVENT)}"


MALFORMED = {
    "two lengths": framed("Host: t", LENGTH, "Content-Length: 3"),
    "the same length twice": framed("Host: t", LENGTH, LENGTH),
    "length and chunked": framed("Host: t", LENGTH, "Transfer-Encoding: chunked", body=chunk(EVENT) + b"0\r\n\r\n"),
    "another transfer coding": framed("Host: t", "Transfer-Encoding: xchunked", body=chunk(EVENT) + b"0\r\n\r\n"),
    "two transfer codings": framed("Host: t", "Transfer-Encoding: gzip, chunked", body=chunk(EVENT) + b"0\r\n\r\n"),
    "a space before the colon": framed("Host: t", LENGTH.replace(":", " :")),
    "no host": framed(LENGTH),
    "two hosts": framed("Host: a", "Host: b", LENGTH),
    "a folded header": framed("Host: t", "X-A: b\r\n  c", LENGTH),
    "a length that is none": framed("Host: t", "Content-Length: -1"),
    "a length with a plus": framed("Host: t", f"Content-Length: +{len(EVENT)}"),
    "a length too large for any number": framed("Host: t", "Content-Length: 99999999999999999999999"),
    "a chunk size that is none": CHUNKED + b"zz\r\n" + EVENT,
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_framing_is_refused_and_closed(nats, gateway, name):
    before = last_seq(nats, "FACEBOOK_EVENTS")
    with RawClient(gateway) as client:
        client.try_send(MALFORMED[name])
        answer = client.answer()
        assert answer is None or 400 <= answer.status < 500, name
        # libmicrohttpd 0.9.75 writes the head of its own answers to malformed HTTP twice.
        assert b"HTTP/1.1 2" not in client.rest(), name
    assert last_seq(nats, "FACEBOOK_EVENTS") == before, name
    check_alive(gateway)


@pytest.mark.parametrize("method, path, status, allow", [
    ("GET", EVENTS, 405, "POST"), ("PUT", BULK, 405, "POST"), ("DELETE", "/webhook", 405, "POST"),
    ("POST", "/nothing", 404, None), ("POST", "/webhook/events/", 404, None), ("GET", "/", 404, None),
])
def test_wrong_methods_and_paths(gateway, method, path, status, allow):
    import requests

    answer = requests.request(method, gateway.url + path, data=EVENT if method != "GET" else None, timeout=10)
    assert answer.status_code == status
    assert (allow is None) or allow in answer.headers["Allow"].replace(" ", "").split(",")
    assert set(answer.json()) == {"success", "error", "code", "correlationId", "timestamp"}


def test_random_bytes_never_harm(gateway):
    rng = random.Random(17)
    started = time.monotonic()
    for _ in range(300):
        body = bytearray(b"[" + EVENT + b"," + EVENT + b"]")
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(len(body))] = rng.choice(b'\\"[]{},:\0\xff0eE-+\n')
        answer = gateway.post(EVENTS, bytes(body))
        assert answer.status_code in (200, 400)
        assert answer.json()["success"] is (answer.status_code == 200)
    assert time.monotonic() - started < within(60)
    check_alive(gateway)
