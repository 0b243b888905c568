"""The gateway under load: group commit, memory, fairness, and a stop without a failed request."""
import json
import threading
import time
import uuid

import pytest

from harness.binary import sanitized
from harness.events import facebook_event
from harness.gateway import RawClient, last_seq, post_bytes, stored_events
from harness.wait import wait_for, within

EVENTS, BULK = "/webhook/events", "/webhook/events/bulk"


def array_of(run, count):
    """Quick: a client that is slow to make its next request is no load."""
    before, after = json.dumps(facebook_event(eventId="EVENT-ID")).split("EVENT-ID")
    return ("[" + ",".join(f"{before}{run}-{i}{after}" for i in range(count)) + "]").encode()


def bulk_body(run, count):
    return b'{"events":' + array_of(run, count) + b"}"


def test_single_events_of_a_moment_share_a_message(nats, start_role):
    gateway = start_role("gateway", env={"HTTP_THREADS": "1"}).wait_ready()
    clients = [RawClient(gateway) for _ in range(100)]
    sent = {}
    for turn in range(10):
        for i, client in enumerate(clients):
            event = facebook_event()
            sent[event["eventId"]] = f"share-{turn}-{i}"
            client.send(post_bytes(event, headers=[f"X-Correlation-Id: share-{turn}-{i}"]))
        for i, client in enumerate(clients):
            answer = client.answer()
            assert answer.status == 200 and answer.json()["correlationId"] == f"share-{turn}-{i}"
    for client in clients:
        client.close()
    stored = stored_events(nats)
    assert {s.id: s.correlation_id for s in stored} == sent and len(stored) == 1000
    sizes = [int(message.headers["Event-Count"]) for message in nats.messages("FACEBOOK_EVENTS")]
    assert max(sizes) > 1 and len(sizes) < 800, f"{len(sizes)} messages for 1,000 events"
    figures = gateway.metrics()
    assert figures["gateway_batch_events_count"] == len(sizes) and figures["gateway_batch_events_sum"] == 1000


def test_events_gather_while_a_message_is_unconfirmed(nats, start_role):
    gateway = start_role("gateway", env={"HTTP_THREADS": "1"}).wait_ready()
    before = gateway.metrics()["gateway_batch_events_count"]
    requests = [post_bytes(facebook_event(funnelStage="top", eventType="ad.view")) for _ in range(20)]
    clients = [RawClient(gateway) for _ in requests]
    nats.pause()
    started = time.monotonic()
    for client, request in zip(clients, requests):
        client.send(request)
    quick = time.monotonic() - started < 0.05
    time.sleep(0.05)
    nats.resume()
    assert [client.answer().status for client in clients] == [200] * len(clients)
    for client in clients:
        client.close()
    messages = gateway.metrics()["gateway_batch_events_count"] - before
    assert messages <= (3 if quick else len(clients))


def test_four_requests_of_50000_at_once_stay_in_bounds(nats, start_role):
    gateway = start_role("gateway").wait_ready()
    answers, single_seconds = [], []
    done = threading.Event()

    def send(body):
        answers.append(gateway.post(BULK, body))

    def send_singles():
        while not done.is_set():
            started = time.monotonic()
            assert gateway.post(EVENTS, facebook_event()).status_code == 200
            single_seconds.append(time.monotonic() - started)

    threads = [threading.Thread(target=send, args=(bulk_body(uuid.uuid4().hex, 50_000),)) for _ in range(4)]
    singles = threading.Thread(target=send_singles)
    singles.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    singles.join()
    assert [(a.status_code, a.json()["processed"], a.json()["duplicates"]) for a in answers] == [(200, 50_000, 0)] * 4
    assert single_seconds and max(single_seconds) < within(2), "single events are not held up"
    with open(f"/proc/{gateway.pid}/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    print(f"peak memory {peak:.0f} MiB")
    assert sanitized() or peak < 256
    wait_for(lambda: gateway.metrics()["http_inflight_bytes"] == 0, what="the bodies to be freed")


class Client(threading.Thread):
    """Posts on one connection until it is told to stop, or the server says `Connection: close`."""

    def __init__(self, gateway, count):
        super().__init__()
        self.raw = RawClient(gateway)
        self.count = count
        self.statuses, self.accepted, self.closed, self.stop = [], [], False, False
        self.start()

    def run(self):
        while not self.stop and not self.closed:
            run = uuid.uuid4().hex
            body = array_of(run, self.count)
            self.raw.try_send(post_bytes(body if self.count > 1 else body[1:-1]))
            answer = self.raw.answer()
            self.statuses.append(answer.status if answer else None)
            if not answer:
                return
            if answer.status == 200:
                self.accepted += [f"{run}-{i}" for i in range(self.count)]
            self.closed = answer.headers.get("connection", "").lower() == "close"
        self.raw.close()


@pytest.mark.parametrize("count", [1, 30, 4000])
def test_term_under_load_fails_no_request(nats, start_role, count):
    gateway = start_role("gateway", env={"LOG_LEVEL": "info"}).wait_ready()
    before = last_seq(nats, "FACEBOOK_EVENTS")
    clients = [Client(gateway, count) for _ in range(12)]
    wait_for(lambda: all(len(client.statuses) >= 3 for client in clients), 60, "load to flow")
    assert gateway.terminate() == 0
    for client in clients:
        client.join(timeout=30)
    assert {status for client in clients for status in client.statuses} == {200}
    assert all(client.closed for client in clients), "each was told with its last answer"
    accepted = {event for client in clients for event in client.accepted}
    assert accepted == {s.id for s in stored_events(nats, after=before)}


def test_a_killed_gateway_loses_nothing_that_it_accepted(nats, start_role):
    gateway = start_role("gateway", env={"LOG_LEVEL": "info"}).wait_ready()
    before = last_seq(nats, "FACEBOOK_EVENTS")
    accepted = set()
    for _ in range(3):
        clients = [Client(gateway, count) for count in (1, 1, 1, 1, 30, 4000)]
        wait_for(lambda clients=clients: all(len(client.statuses) >= 3 for client in clients), 60, "load to flow")
        gateway.kill9()
        for client in clients:
            client.join(timeout=30)
            accepted.update(client.accepted)
            assert set(client.statuses) <= {200, None}
        gateway.start()
        gateway.wait_ready()
    stored = [s.id for s in stored_events(nats, after=before)]
    assert accepted <= set(stored) and len(stored) == len(set(stored))
