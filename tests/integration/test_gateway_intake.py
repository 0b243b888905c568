"""What the gateway takes, what it answers, and what then stands in the streams (docs/http-api.md, Gateway)."""
import datetime
import gzip
import json
import random
import re
import subprocess
import uuid

import pytest

from harness.events import corrupt_event, facebook_checkout, facebook_event, random_event, tiktok_event, tiktok_purchase
from harness.gateway import gateway_fixture, last_seq, new_messages, stored_events
from harness.wait import wait_for

gateway = gateway_fixture()

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ERROR_SHAPE = {"success", "error", "code", "correlationId", "timestamp"}


def lines_of(events):
    return b"\n".join(json.dumps(event).encode() for event in events)


@pytest.mark.parametrize("path", ["/webhook/events", "/webhook"])
@pytest.mark.parametrize("event", [facebook_event, facebook_checkout, tiktok_event, tiktok_purchase])
def test_one_event(nats, gateway, path, event):
    event = event()
    raw = json.dumps(event).encode()
    answer = gateway.post(path, raw, headers={"X-Correlation-Id": "one/" + event["eventId"]})
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "Event processed successfully",
                             "correlationId": "one/" + event["eventId"]}
    assert answer.headers["X-Correlation-Id"] == "one/" + event["eventId"]
    stored, = [s for s in stored_events(nats, event["source"]) if s.id == event["eventId"]]
    assert stored.raw == raw
    assert stored.message.subject == f"events.{event['source']}.{event['funnelStage']}"
    assert stored.correlation_id == "one/" + event["eventId"]
    received = datetime.datetime.fromisoformat(stored.received_at.replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - received) < datetime.timedelta(seconds=30)


@pytest.mark.parametrize("given, kept", [
    ("abc", True), ("x" * 128, True), ("x" * 129, False), ('a"b\\c {}', True), ("ünicode", False), (None, False),
])
def test_correlation_id(nats, gateway, given, kept):
    event = facebook_event()
    headers = {"x-correlation-id": given.encode()} if given else {}
    answer = gateway.post("/webhook/events", event, headers=headers)
    correlation = answer.json()["correlationId"]
    assert answer.headers["X-Correlation-Id"] == correlation
    assert correlation == given if kept else UUID.fullmatch(correlation)
    stored, = [s for s in stored_events(nats) if s.id == event["eventId"]]
    assert stored.correlation_id == correlation


def many_forms(events):
    """The same events in each form that gives the many form of the answer."""
    array, bulk = json.dumps(events).encode(), json.dumps({"note": [{}], "events": events}).encode()
    lines = lines_of(events)
    ndjson = {"Content-Type": "application/x-ndjson"}
    packed = {"Content-Encoding": "gzip"}
    return [
        ("array", "/webhook/events", array, {}),
        ("array, gzip", "/webhook/events", gzip.compress(array), packed),
        ("array, gzip in two members", "/webhook/events", gzip.compress(array[:50]) + gzip.compress(array[50:]), packed),
        ("array, wide", "/webhook", json.dumps(events, indent=3).replace("\n", "\r\n").encode(), {}),
        ("lines", "/webhook/events", lines, ndjson),
        ("lines with a last feed and empty ones", "/webhook/events", b"\n" + lines + b"\r\n\n", ndjson),
        ("lines, gzip", "/webhook/events", gzip.compress(lines), {**ndjson, **packed}),
        ("bulk", "/webhook/events/bulk", bulk, {}),
        ("bulk, gzip", "/webhook/events/bulk", gzip.compress(bulk), packed),
    ]


@pytest.mark.parametrize("number", range(len(many_forms([]))))
@pytest.mark.parametrize("count", [1, 7])
def test_many_events(nats, gateway, number, count):
    rng = random.Random(number * 100 + count)
    before = {source: last_seq(nats, source.upper() + "_EVENTS") for source in ("facebook", "tiktok")}
    events = [{**random_event(rng), "eventId": str(uuid.uuid4())} for _ in range(count)]
    name, path, body, headers = many_forms(events)[number]
    answer = gateway.post(path, body, headers=headers)
    assert answer.status_code == 200, name
    result = answer.json()
    assert result.pop("correlationId") == answer.headers["X-Correlation-Id"]
    assert result == {"success": True, "message": "Events processed successfully", "processed": count, "failed": 0,
                      "duplicates": 0, "errors": []}
    stored = [s for source in before for s in stored_events(nats, source, before[source])]
    assert {s.id: json.loads(s.raw) for s in stored} == {event["eventId"]: event for event in events}
    assert all(b"\n" not in s.raw and b"\r" not in s.raw for s in stored)
    assert {s.correlation_id for s in stored} == {answer.headers["X-Correlation-Id"]}
    for s in stored:
        event = json.loads(s.raw)
        assert s.message.subject == f"events.{event['source']}.{event['funnelStage']}"


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"; v=1', "APPLICATION/JSON",
])
def test_content_types_that_are_taken(gateway, content_type):
    assert gateway.post("/webhook/events", facebook_event(), headers={"Content-Type": content_type}).status_code == 200


def test_no_content_type_means_json(gateway):
    assert gateway.post("/webhook/events", facebook_event(), headers={"Content-Type": None}).status_code == 200


@pytest.mark.parametrize("path, headers", [
    ("/webhook/events", {"Content-Type": "text/plain"}),
    ("/webhook/events", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("/webhook/events", {"Content-Type": "application/json; charset=utf-16"}),
    ("/webhook/events", {"Content-Type": ""}),
    ("/webhook/events/bulk", {"Content-Type": "application/x-ndjson"}),
    ("/webhook/events", {"Content-Encoding": "br"}),
    ("/webhook/events", {"Content-Encoding": "gzip, gzip"}),
])
def test_other_types_and_encodings_are_refused(gateway, path, headers):
    answer = gateway.post(path, facebook_event(), headers=headers)
    assert answer.status_code == 415
    assert set(answer.json()) == ERROR_SHAPE


def test_the_same_bulk_again_costs_nothing(nats, gateway):
    rng = random.Random(5)
    body = {"events": [{**random_event(rng), "eventId": str(uuid.uuid4())} for _ in range(3000)]}
    first = gateway.post("/webhook/events/bulk", body).json()
    assert (first["processed"], first["duplicates"]) == (3000, 0)
    before = [last_seq(nats, stream) for stream in ("FACEBOOK_EVENTS", "TIKTOK_EVENTS")]
    again = gateway.post("/webhook/events/bulk", body).json()
    assert (again["processed"], again["failed"], again["duplicates"]) == (3000, 0, 3000)
    assert before == [last_seq(nats, stream) for stream in ("FACEBOOK_EVENTS", "TIKTOK_EVENTS")]


def test_bad_events_never_take_their_neighbours_along(nats, gateway):
    rng = random.Random(11)
    good = [{**random_event(rng), "eventId": str(uuid.uuid4())} for _ in range(50)]
    bad = [corrupt_event(rng) for _ in range(12)]
    batch = [("good", event, None) for event in good] + [("bad", event, pointer) for event, pointer in bad]
    rng.shuffle(batch)
    before = last_seq(nats, "EVENTS_DLQ")
    answer = gateway.post("/webhook/events", [event for _, event, _ in batch], headers={"X-Correlation-Id": "mixed"})
    result = answer.json()
    assert answer.status_code == 200 and result["success"]
    assert (result["processed"], result["failed"]) == (50, 12)
    expected = [(i, event.get("eventId"), pointer) for i, (kind, event, pointer) in enumerate(batch) if kind == "bad"]
    assert [(e["index"], e["eventId"], e["pointer"]) for e in result["errors"]] == expected
    assert all(e["error"] for e in result["errors"])
    assert "errorsTruncated" not in result
    ids = {s.id for source in ("facebook", "tiktok") for s in stored_events(nats, source)}
    assert {event["eventId"] for event in good} <= ids
    letters = new_messages(nats, "EVENTS_DLQ", before)
    assert len(letters) == 12
    for letter, (index, _, pointer) in zip(letters, expected):
        assert json.loads(letter.payload) == batch[index][1]
        assert letter.headers["Dlq-Pointer"] == pointer
        assert letter.headers["Dlq-Index"] == str(index)
        assert letter.headers["Dlq-Correlation-Id"] == "mixed"
        assert letter.headers["Dlq-Origin"] == "gateway"
        assert letter.headers["Dlq-Reason"] and letter.headers["Dlq-Detail"] and letter.headers["Dlq-Received-At"]
        assert letter.subject in ("dlq.facebook", "dlq.tiktok", "dlq.unknown")


def test_at_most_100_errors_are_listed(nats, gateway):
    before = last_seq(nats, "EVENTS_DLQ")
    result = gateway.post("/webhook/events", [facebook_event()] + [{"eventId": str(i)} for i in range(101)]).json()
    assert (result["processed"], result["failed"], len(result["errors"])) == (1, 101, 100)
    assert result["errorsTruncated"] is True
    assert last_seq(nats, "EVENTS_DLQ") - before == 101


def test_every_event_invalid(nats, gateway):
    before = last_seq(nats, "EVENTS_DLQ")
    events = [facebook_event(eventId=""), tiktok_event(timestamp="invalid-timestamp")]
    answer = gateway.post("/webhook/events", events)
    result = answer.json()
    assert answer.status_code == 400 and set(result) == ERROR_SHAPE | {"errors"}
    assert result["success"] is False and result["code"] == "invalid_events"
    assert [(e["index"], e["pointer"]) for e in result["errors"]] == [(0, "/eventId"), (1, "/timestamp")]
    assert last_seq(nats, "EVENTS_DLQ") - before == 2


def test_one_invalid_event(nats, gateway):
    before = last_seq(nats, "EVENTS_DLQ")
    answer = gateway.post("/webhook/events", facebook_event(**{"data.user.age": "old"}))
    result = answer.json()
    assert answer.status_code == 400 and result["code"] == "invalid_event"
    assert result["error"] == "/data/user/age: expected a number"
    letter, = new_messages(nats, "EVENTS_DLQ", before)
    assert letter.subject == "dlq.facebook"


def test_an_event_over_its_size_is_kept_cut(nats, gateway):
    before = last_seq(nats, "EVENTS_DLQ")
    event = facebook_event(**{"data.note": "x" * 700_000})
    answer = gateway.post("/webhook/events", event)
    assert answer.status_code == 400
    letter, = new_messages(nats, "EVENTS_DLQ", before)
    assert letter.headers["Dlq-Reason"] == "too_large"
    assert letter.headers["Dlq-Original-Bytes"] == str(len(json.dumps(event)))
    assert len(letter.payload) == 512 * 1024


def test_bulk_of_50000_in_one_request(nats, gateway):
    before = {source: last_seq(nats, source.upper() + "_EVENTS") for source in ("facebook", "tiktok")}
    rng = random.Random(3)
    template = [random_event(rng) for _ in range(200)]
    run = uuid.uuid4().hex
    events = [{**template[i % 200], "eventId": f"{run}-{i}"} for i in range(50_000)]
    result = gateway.post("/webhook/events/bulk", {"events": events}).json()
    assert (result["processed"], result["failed"]) == (50_000, 0)
    stored = [s for source in before for s in stored_events(nats, source, before[source])]
    assert len(stored) == 50_000 and {s.id for s in stored} == {event["eventId"] for event in events}
    messages = {id(s.message): len(s.message.payload) for s in stored}
    assert sum(size > 200 * 1024 for size in messages.values()) >= len(messages) - 4, "messages are filled"


def test_more_rejected_events_than_may_be_in_flight(nats, gateway):
    """Each is a message of its own: the worker that has the request waits for acks in between."""
    before = last_seq(nats, "EVENTS_DLQ")
    result = gateway.post("/webhook/events", [facebook_event()] + [{"eventId": str(i)} for i in range(20_000)]).json()
    assert (result["processed"], result["failed"]) == (1, 20_000)
    assert last_seq(nats, "EVENTS_DLQ") - before == 20_000


def test_metrics(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    stage = 'source="facebook",funnel_stage="top"'
    figures = gateway.metrics()
    for name in ("accepted", "processed"):
        for source in ("facebook", "tiktok"):
            for funnel in ("top", "bottom"):
                key = f'gateway_events_{name}_total{{source="{source}",funnel_stage="{funnel}"}}'
                assert figures[key] == 0, "each series is there from the start"
    assert figures['gateway_events_failed_total{source="unknown",funnel_stage="unknown",reason="unreadable"}'] == 0
    gateway.post("/webhook/events", [facebook_event(), facebook_event(**{"data.user.age": "x"}), {"eventId": "1"}])
    gateway.post("/webhook/events", b"{")
    figures = gateway.metrics()
    assert figures[f"gateway_events_accepted_total{{{stage}}}"] == 1
    assert figures[f"gateway_events_processed_total{{{stage}}}"] == 1
    assert figures[f'gateway_events_failed_total{{{stage},reason="wrong_type"}}'] == 1
    failed = {k: v for k, v in figures.items() if k.startswith("gateway_events_failed_total") and v}
    assert sum(failed.values()) == 3
    assert sum(v for k, v in failed.items() if 'source="unknown",funnel_stage="unknown"' in k) == 2
    assert figures["gateway_batch_events_count"] == 1
    assert figures["gateway_publish_ack_seconds_count"] == 4
    assert figures["gateway_messages_in_flight"] == 0
    assert figures['gateway_stream_open{stream="FACEBOOK_EVENTS"}'] == 1
    check = subprocess.run(["promtool", "check", "metrics"], input=gateway.get("/metrics").text, text=True,
                           capture_output=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_logs_name_the_request_and_nobody(nats, start_role):
    gateway = start_role("gateway", env={"LOG_LEVEL": "info"}).wait_ready()
    gateway.post("/webhook/events", facebook_event(), headers={"X-Correlation-Id": "fine"})
    gateway.post("/webhook/events", facebook_event(**{"data.user.age": "x", "data.user.name": "Secret Person"}),
                 headers={"X-Correlation-Id": "wrong"})
    gateway.post("/webhook/events", b"{\xff Secret Person", headers={"X-Correlation-Id": "broken"})
    wait_for(lambda: any(line.get("correlationId") == "broken" for line in gateway.log_lines()), what="the log line")
    lines = [line for line in gateway.log_lines() if "correlationId" in line]
    assert [line["correlationId"] for line in lines] == ["wrong", "broken"], "a line a failed request, none for others"
    assert lines[0]["status"] == 400 and lines[0]["code"] == "invalid_event"
    assert "Secret" not in gateway.log_text() and "Ada" not in gateway.log_text()


def test_minute_metrics_go_over_the_bus(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    before = last_seq(nats, "SERVICE_METRICS")
    gateway.post("/webhook/events", tiktok_event())
    assert gateway.terminate() == 0
    message, = new_messages(nats, "SERVICE_METRICS", before)
    assert message.subject == "metrics.gateway"
    rows = [json.loads(line) for line in message.payload.decode().splitlines()]
    assert all(set(row) == {"service", "instance", "metric", "minute", "value"} for row in rows)
    assert {row["service"] for row in rows} == {"gateway"} and len({row["instance"] for row in rows}) == 1
    assert {row["minute"][16:] for row in rows} == {":00.000Z"}
    values = {row["metric"]: row["value"] for row in rows}
    assert values['gateway_events_processed_total{source="tiktok",funnel_stage="top"}'] == 1


def test_strict_validation(nats, start_role):
    event = facebook_event()
    del event["data"]["engagement"]["referrer"]
    lenient = start_role("gateway").wait_ready()
    strict = start_role("gateway", env={"VALIDATION": "strict"}).wait_ready()
    assert lenient.post("/webhook/events", event).status_code == 200
    answer = strict.post("/webhook/events", event)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/data/engagement/referrer"
