"""The gateway while JetStream is away, slow, full or broken: 503 in time, nothing lost, back by itself."""
import json
import os
import threading
import time
import uuid

import pytest

from harness.events import facebook_event, tiktok_event
from harness.gateway import last_seq, stored_events
from harness.wait import wait_for, within

STREAMS = ("FACEBOOK_EVENTS", "TIKTOK_EVENTS", "EVENTS_DLQ", "EVENTS_UNREADABLE", "SERVICE_METRICS")
EVENTS, BULK = "/webhook/events", "/webhook/events/bulk"


@pytest.fixture(autouse=True)
def empty_server(nats):
    """Every test starts with a running server without streams, whatever the last one did to it."""
    if not nats.process.alive():
        nats.start()
    nats.resume()
    with nats.client() as client:
        for name in client.api("STREAM.NAMES")["streams"] or []:
            client.api(f"STREAM.DELETE.{name}")


def bulk(count=5000):
    """Large enough for a worker."""
    run = uuid.uuid4().hex
    return {"events": [{**facebook_event(), "eventId": f"{run}-{i}"} for i in range(count)]}


def pause(nats):
    """Only when every thread of the server has really stopped is a test free of a race with it."""
    nats.pause()

    def stopped():
        states = []
        for task in os.listdir(f"/proc/{nats.pid}/task"):
            with open(f"/proc/{nats.pid}/task/{task}/stat", encoding="ascii") as stat:
                states.append(stat.read().rsplit(")", 1)[1].split()[0])
        return set(states) == {"T"}

    wait_for(stopped, what="nats-server to be paused")


def timed(call):
    started = time.monotonic()
    answer = call()
    return answer, time.monotonic() - started


def check_503(answer, *codes):
    result = answer.json()
    assert answer.status_code == 503, result
    assert int(answer.headers["Retry-After"]) > 0
    assert result["success"] is False and result["code"] in codes, result
    assert "processed" not in result


REQUESTS = {
    "single": lambda gateway: gateway.post(EVENTS, facebook_event()),
    "array": lambda gateway: gateway.post(EVENTS, [facebook_event(), tiktok_event()]),
    "bulk": lambda gateway: gateway.post(BULK, bulk()),
    "invalid": lambda gateway: gateway.post(EVENTS, facebook_event(eventId="")),
    "unreadable": lambda gateway: gateway.post(EVENTS, b"{"),
}


def test_starts_without_nats_and_begins_when_it_comes(nats, start_role):
    nats.kill9()
    gateway = start_role("gateway").wait_alive()
    ready = gateway.get("/health/readiness")
    assert ready.status_code == 503 and "nats" in ready.text
    for name, send in REQUESTS.items():
        answer, seconds = timed(lambda send=send: send(gateway))
        check_503(answer, "nats_unavailable")
        assert seconds < within(2), name
    nats.start()
    gateway.wait_ready()
    with nats.client() as client:
        assert set(client.api("STREAM.NAMES")["streams"]) == set(STREAMS)
    assert gateway.post(EVENTS, facebook_event()).status_code == 200
    assert gateway.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize("name", REQUESTS)
def test_nats_that_stops_answering(nats, start_role, name):
    gateway = start_role("gateway").wait_ready()
    pause(nats)
    answer, seconds = timed(lambda: REQUESTS[name](gateway))
    check_503(answer, "ack_timeout", "nats_unavailable")
    assert seconds < within(5)
    answer, seconds = timed(lambda: REQUESTS[name](gateway))
    check_503(answer, "ack_timeout", "nats_unavailable")
    assert seconds < within(1), "what is known to be away is not waited for"
    wait_for(lambda: gateway.get("/health/readiness").status_code == 503, what="readiness to notice")
    nats.resume()
    wait_for(lambda: REQUESTS["single"](gateway).status_code == 200, what="the gateway to recover")
    gateway.wait_ready()


def test_many_waiting_requests_all_hear_in_time(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    pause(nats)
    results = []

    def send(kind):
        results.append(timed(lambda: REQUESTS[kind](gateway)))

    threads = [threading.Thread(target=send, args=(kind,)) for kind in ["single", "bulk"] * 12]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 24
    for answer, seconds in results:
        check_503(answer, "ack_timeout", "nats_unavailable")
        assert seconds < within(6)
    nats.resume()
    wait_for(lambda: gateway.post(BULK, bulk()).status_code == 200, what="the gateway to recover")


def test_what_gathers_behind_unconfirmed_messages_hears_in_time(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    pause(nats)
    results = []
    event = {"funnelStage": "top", "eventType": "ad.view"}

    def send():
        results.append(timed(lambda: gateway.post(EVENTS, facebook_event(**event))))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread, pause_before in zip(threads, [0, 0.15, 0.03]):  # sent, sent after all, gathers
        time.sleep(pause_before)
        thread.start()
    for thread in threads:
        thread.join()
    nats.resume()
    for answer, seconds in results:
        check_503(answer, "ack_timeout", "nats_unavailable")
        assert seconds < within(5)


class Load:
    """Posts events from some threads and keeps what became of each."""

    def __init__(self, gateway, threads=6):
        self.gateway = gateway
        self.stop = threading.Event()
        self.accepted, self.statuses, self.slowest, self.errors = set(), [], 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        while not self.stop.is_set():
            events = [facebook_event() for _ in range(1 if number % 2 else 40)]
            try:
                answer, seconds = timed(lambda events=events: self.gateway.post(
                    EVENTS, events[0] if len(events) == 1 else events))
            except Exception as error:  # noqa: BLE001
                self.errors.append(error)
                return
            with self.lock:
                self.statuses.append(answer.status_code)
                self.slowest = max(self.slowest, seconds)
                if answer.status_code == 200:
                    self.accepted.update(event["eventId"] for event in events)
            if answer.status_code != 200:
                time.sleep(0.05)  # as a polite client

    def count(self, status):
        with self.lock:
            return self.statuses.count(status)


def test_nats_killed_under_load_loses_nothing(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    with Load(gateway) as load:
        for _ in range(3):
            seen = load.count(200)
            wait_for(lambda seen=seen: load.count(200) > seen + 50, 30, "load to flow")
            nats.kill9()
            seen = load.count(503)
            wait_for(lambda seen=seen: load.count(503) > seen + 5, 30, "refusals")
            nats.start()
    assert not load.errors
    assert set(load.statuses) == {200, 503}
    assert load.slowest < within(5)
    stored = {s.id for s in stored_events(nats)}
    assert load.accepted <= stored, f"{len(load.accepted - stored)} of {len(load.accepted)} lost"


def test_a_full_stream_refuses_and_opens_again(nats, start_role):
    gateway = start_role("gateway", env={"STREAM_MAX_BYTES": "3M"}).wait_ready()
    answer = None
    for _ in range(20):
        answer = gateway.post(BULK, bulk(1000))
        if answer.status_code != 200:
            break
    check_503(answer, "stream_full")
    wait_for(lambda: gateway.metrics()['gateway_stream_open{stream="FACEBOOK_EVENTS"}'] == 0, what="the gate to close")
    before = last_seq(nats, "FACEBOOK_EVENTS")
    check_503(gateway.post(EVENTS, facebook_event()), "stream_full")
    check_503(gateway.post(EVENTS, [tiktok_event(), facebook_event()]), "stream_full")
    assert last_seq(nats, "FACEBOOK_EVENTS") == before, "nothing unprocessed is discarded"
    assert last_seq(nats, "TIKTOK_EVENTS") == 0, "nothing of a request is sent unless all can be"
    assert gateway.post(EVENTS, tiktok_event()).status_code == 200, "the other source is not held up"
    assert gateway.post(EVENTS, [tiktok_event(), tiktok_event()]).status_code == 200
    assert gateway.get("/health/readiness").status_code == 200, "the server answers: this is no outage"
    with nats.client() as client:
        client.api("STREAM.PURGE.FACEBOOK_EVENTS")
    wait_for(lambda: gateway.post(EVENTS, facebook_event()).status_code == 200, what="the stream to take events again")


def test_full_dead_letters_refuse_what_would_need_them(nats, start_role):
    gateway = start_role("gateway", env={"DLQ_MAX_BYTES": "1M"}).wait_ready()
    bad = facebook_event(eventId="", **{"data.note": "x" * 100_000})
    answer = None
    for _ in range(30):
        answer = gateway.post(EVENTS, bad)
        if answer.status_code != 400:
            break
    check_503(answer, "stream_full")
    wait_for(lambda: gateway.metrics()['gateway_stream_open{stream="EVENTS_DLQ"}'] == 0, what="the gate to close")
    check_503(gateway.post(EVENTS, [facebook_event(), bad]), "stream_full")
    assert last_seq(nats, "FACEBOOK_EVENTS") == 0
    assert gateway.post(EVENTS, facebook_event()).status_code == 200
    assert gateway.post(EVENTS, [facebook_event(), facebook_event()]).status_code == 200


def test_a_stream_that_is_deleted_is_made_again(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    with nats.client() as client:
        client.api("STREAM.DELETE.FACEBOOK_EVENTS")
    answer, seconds = timed(lambda: gateway.post(EVENTS, facebook_event()))
    assert answer.status_code in (200, 503) and seconds < within(5)
    event = facebook_event()
    wait_for(lambda: gateway.post(EVENTS, event).status_code == 200, what="the stream to be back")
    assert event["eventId"] in {s.id for s in stored_events(nats)}


def test_streams_that_exist_are_left_as_they_are(nats, start_role):
    start_role("gateway").wait_ready()
    with nats.client() as client:
        client.js_publish("events.facebook.top", b"{}")
        before = {name: client.api(f"STREAM.INFO.{name}")["config"] for name in STREAMS}
    start_role("gateway").wait_ready()
    with nats.client() as client:
        assert before == {name: client.api(f"STREAM.INFO.{name}")["config"] for name in STREAMS}
        assert client.stream_state("FACEBOOK_EVENTS")["messages"] == 1


def test_a_request_that_takes_too_long_is_let_go(nats, start_role):
    """The deadline of a request passes while its acks are still awaited: on a loop and on a worker."""
    gateway = start_role("gateway", env={"REQUEST_TIMEOUT": "500ms", "ACK_TIMEOUT": "2s"}).wait_ready()
    pause(nats)
    results = []
    threads = [threading.Thread(target=lambda kind=kind: results.append(REQUESTS[kind](gateway)))
               for kind in ["single", "bulk", "bulk", "bulk", "bulk", "bulk", "array", "invalid"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in results} == {503}
    assert "timeout" in {answer.json()["code"] for answer in results}
    nats.resume()
    wait_for(lambda: REQUESTS["bulk"](gateway).status_code == 200, what="the gateway to recover")
    wait_for(lambda: gateway.metrics()["gateway_messages_in_flight"] == 0, what="the outcomes")
    wait_for(lambda: gateway.metrics()["http_inflight_bytes"] == 0, what="the bodies to be freed")


def test_term_while_nats_hangs(nats, start_role):
    gateway = start_role("gateway", env={"SHUTDOWN_TIMEOUT": "1s", "ACK_TIMEOUT": "10s"}).wait_ready()
    pause(nats)
    results = []
    threads = [threading.Thread(target=lambda kind=kind: results.append(REQUESTS[kind](gateway)))
               for kind in ("single", "bulk")]
    for thread in threads:
        thread.start()
    with_requests = 'gateway_messages_in_flight'
    wait_for(lambda: gateway.metrics()[with_requests] > 1, what="both to be in flight")
    _, seconds = timed(gateway.terminate)
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in results] == [503, 503]
    assert seconds < within(15)


def test_answers_of_an_outage_are_json(nats, start_role):
    nats.kill9()
    gateway = start_role("gateway").wait_alive()
    answer = gateway.post(EVENTS, facebook_event(), headers={"X-Correlation-Id": "out"})
    assert set(answer.json()) == {"success", "error", "code", "correlationId", "timestamp"}
    assert answer.json()["correlationId"] == answer.headers["X-Correlation-Id"] == "out"
    assert json.loads(answer.text)["error"]
