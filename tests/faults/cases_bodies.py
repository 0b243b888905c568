"""Bodies that are too large, too deep, no text, compressed without end, or meant to break what reads them."""
import json
import zlib

import processes
from clients import EVENTS_HEAD, Peak, expect, raw
from harness.binary import sanitized
from harness.events import facebook_checkout, facebook_event
from harness.gateway import CHUNKED, RawClient, chunk, post_bytes
from load import dumps
from registry import case

CAP = 1 << 20


def padded(size):
    """A request body of exactly that many bytes with one event, and its text."""
    text = dumps(facebook_event())
    return b"[" + text.encode() + b" " * (size - len(text) - 2) + b"]", text


@case(31, "bodies around the cap, a length of 1 GB, chunks without end", seconds=25)
def large_bodies(world):
    world.start(per_role={"gateway": {"BODY_MAX_BYTES": CAP}})
    world.begin_load()
    with Peak(world.gateway.pid) as peak:
        for size in (CAP - 1, CAP):
            body, text = padded(size)
            expect(world, f"a body of cap{size - CAP:+d}", raw(world, post_bytes(body), [text])[0], 200)
        # Not journalled: its event must not be stored.
        expect(world, "a body of cap+1", raw(world, post_bytes(padded(CAP + 1)[0]))[0], 413)
        for _ in range(20):
            request = EVENTS_HEAD + "Content-Length: 1073741824\r\n\r\n"
            expect(world, "a length of 1 GB", raw(world, request.encode())[0], 413)
        with RawClient(world.gateway, timeout=60) as client:
            client.try_send(CHUNKED)
            piece = chunk(b"[" * 65536)
            for _ in range(64):
                client.try_send(piece)
            expect(world, "chunks without end", client.answer().status, 413)
    peak.check(world, "large bodies")
    world.healed()
    world.finish()
    world.conclude()


@case(32, "JSON depth 100,000, 1,000,000 keys, 1e999, duplicate keys", seconds=30, alone=True)
def hard_json(world):
    world.start()
    world.begin_load(rate=2, warm=50)
    event = dumps(facebook_event())[:-1]
    bodies = {
        "depth 100,000": event + ',"x":' + "[" * 100_000 + "]" * 100_000 + "}",
        "depth 100,000 and not an event": "[" * 100_000 + "]" * 100_000,
        "depth 100,000 that is never closed": '{"x":' * 100_000,
        "1,000,000 keys": event + "".join(f',"k{i}":0' for i in range(1_000_000)) + "}",
        "1e999": event + ',"x":1e999}',
        "duplicate keys": event + ',"source":"facebook"}',
        "10,000 duplicate keys": event + ',"eventId":"x"' * 10_000 + "}",
    }
    world.load.stop()
    costs = {}
    for what, body in bodies.items():
        data = body.encode()
        statuses, cost = set(), []
        for _ in range(10):
            cpu = processes.cpu_seconds(world.gateway.pid)
            statuses.add(world.gateway.post("/webhook/events", data).status_code)
            cost.append((processes.cpu_seconds(world.gateway.pid) - cpu) / (len(data) / 1e6) * 1000)
        expect(world, what, statuses, {400})
        if len(data) > 1 << 15:  # of small ones the request itself is what costs
            costs[what] = min(cost)  # what it costs on a machine that has nothing else to do
            if min(cost) > 10 and not sanitized():
                world.say("I5", f"{what}: {min(cost):.1f} ms of CPU a megabyte")
    world.note = "ms of CPU a megabyte: " + ", ".join(f"{what} {cost:.1f}" for what, cost in costs.items())
    world.healed()
    world.finish(flow=0)
    world.conclude()


@case(33, "invalid UTF-8, a BOM; bad escapes in one event", seconds=20)
def bad_text(world):
    world.start()
    world.begin_load()
    good = [dumps(facebook_event()) for _ in range(2)]
    for what, body in {"invalid UTF-8": b"[" + good[0].replace("Ada", "A\\u0020a").encode().replace(b"\\u0020", b"\xff") + b"]",
                       "a BOM": b"\xef\xbb\xbf[" + dumps(facebook_event()).encode() + b"]"}.items():
        expect(world, what, world.gateway.post("/webhook/events", body).status_code, 400)
    for what, name in {"a lone surrogate": "\\ud800", "two low ones": "\\udc00\\udc00", "a NUL": "a\\u0000b", "a bad escape": "\\q",
                       "half an escape": "\\u12"}.items():
        neighbours = [facebook_event(), facebook_event()]
        text = dumps(facebook_event()).replace("Ada Lovelace", name)
        number = world.load.announce([dumps(neighbours[0]), text, dumps(neighbours[1])], bad=[1])
        body = "[" + ",".join([dumps(neighbours[0]), text, dumps(neighbours[1])]) + "]"
        answer = world.gateway.post("/webhook/events", body)
        faults = [fault["index"] for fault in answer.json().get("errors", [])]
        world.load.settle(number, answer.status_code, faults)
        if answer.status_code != 200 or faults != [1]:
            world.say("I3", f"{what} in one event: {answer.status_code}, rejected {faults}")
    world.healed()
    world.finish()
    world.conclude()


@case(35, "gzip bomb", seconds=25)
def gzip_bomb(world):
    world.start(per_role={"gateway": {"BODY_MAX_BYTES": "4M"}})
    world.begin_load()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    spaces = b" " * (1 << 20)
    bomb = packer.compress(b"[") + b"".join(packer.compress(spaces) for _ in range(1024)) + packer.flush()
    with Peak(world.gateway.pid) as peak:
        for _ in range(8):
            answer = world.gateway.post("/webhook/events", bomb, headers={"Content-Encoding": "gzip"})
            expect(world, "a bomb of 1 GiB", answer.status_code, 413)
    peak.check(world, "gzip bombs")
    world.healed()
    world.finish()
    world.conclude()


@case(37, "CR/LF, ANSI escapes, SQL in ids, headers, report filters", seconds=25)
def hostile_text(world):
    world.start()
    world.begin_load()
    evil = "x\r\n\x1b[31mred\x1b[0m'; DROP TABLE processed_events; --\"\\"
    events = [facebook_checkout(eventId=f"{i}{evil}", **{
        "data.user.userId": evil, "data.user.name": evil, "data.engagement.campaignId": evil}) for i in range(5)]
    world.accept(events)
    broken = {**facebook_event(), "eventId": f"bad{evil}", "timestamp": evil}
    number = world.load.announce([dumps(broken)], bad=[0])
    correlation = "c'; DROP TABLE ledger; --\"\\"
    answer = world.gateway.post("/webhook/events", dumps(broken), headers={"X-Correlation-Id": correlation})
    world.load.settle(number, answer.status_code)
    expect(world, "a broken event", answer.status_code, 400)
    expect(world, "its correlation id", answer.json()["correlationId"], correlation)
    escaped = raw(world, (EVENTS_HEAD + "X-Correlation-Id: a\x1b[31mb\r\nContent-Length: 2\r\n\r\n{}").encode())
    expect(world, "an escape in a header", escaped[0], 400)
    world.healed()
    world.finish()
    stored = world.query("SELECT user_id, campaign_id FROM processed_events WHERE event_id = %s", (events[0]["eventId"],))
    expect(world, "the row", stored, [(evil, evil)])
    reporter = world.roles["reporter"]
    revenue = reporter.get("/reports/revenue", params={"campaignId": evil}).json()["data"]
    expect(world, "the report of a hostile campaign", revenue["transactionCount"], 5)
    for name in ("source", "from", "eventType", evil):
        expect(world, f"{name!r} as a filter", reporter.get("/reports/events", params={name: evil}).status_code, 400)
    for role in world.roles.values():
        check_log(world, role)
    world.conclude()


def check_log(world, role):
    """Every line is one JSON object, and nothing in it moves a terminal's cursor."""
    text = role.log_text()
    if "\x1b" in text or "\r" in text:
        world.say("I3", f"the log of {role.name} holds control characters")
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError:
            world.say("I3", f"a log line of {role.name} is no JSON: {line[:200]!r}")
