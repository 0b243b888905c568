"""The gateway at its limits: each has a setting, an answer, a metric, and others are served meanwhile."""
import contextlib
import json
import re
import resource
import select
import socket
import threading
import time

import pytest

from harness.binary import sanitized, sluice_binary
from harness.events import facebook_event
from harness.gateway import RawClient, post_bytes
from harness.process import Process
from harness.roles import Role
from harness.wait import wait_for

EVENTS = "/webhook/events"
GET_LIVENESS = b"GET /health/liveness HTTP/1.1\r\nHost: t\r\n\r\n"


class FewDescriptors(Role):
    """With so many descriptors, and no right to more."""

    descriptors = 64

    def start(self):
        limit = f"--nofile={self.descriptors}:{self.descriptors}"
        self.process = Process(["prlimit", limit, sluice_binary(), self.name, *self.args], self.log_path, env=self.env,
                               cwd=self.folder)


def refused(role, reason):
    return role.metrics()[f'http_requests_refused_total{{reason="{reason}"}}']


def cut(role, reason):
    return role.metrics()[f'http_connections_cut_total{{reason="{reason}"}}']


def connect(role):
    return socket.create_connection(("127.0.0.1", role.port), timeout=20)


def check_served(role, count=20):
    """New connections each; everything is 200, nothing takes long."""
    for _ in range(count):
        started = time.monotonic()
        assert role.post(EVENTS, facebook_event()).status_code == 200
        assert role.get("/health/readiness").status_code == 200
        assert role.get("/metrics").status_code == 200
        assert time.monotonic() - started < 10


@pytest.fixture(name="many_descriptors")
def many_descriptors_fixture():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident(role):
    with open(f"/proc/{role.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


def test_ten_thousand_idle_connections_shut_nobody_out(nats, start_role, many_descriptors):
    count = min(10_000, many_descriptors - 500)
    gateway = start_role("gateway", env={"CONNECTIONS_MAX": count, "IDLE_TIMEOUT": "10m", "LOG_LEVEL": "info"}).wait_ready()
    check_served(gateway, 1)
    before = resident(gateway)
    with contextlib.ExitStack() as idle:
        for _ in range(count):
            idle.enter_context(connect(gateway))
        wait_for(lambda: gateway.metrics()["http_connections_open"] >= count * 0.9, 30, "the connections to be accepted")
        check_served(gateway)
        assert cut(gateway, "made_room") > 0
        assert sanitized() or resident(gateway) - before < count * 16 * 1024
    wait_for(lambda: gateway.metrics()["http_connections_open"] < 10, 30, "the connections to be forgotten")
    check_served(gateway, 3)


def test_64_descriptors(nats, tmp_path):
    gateway = FewDescriptors("gateway", tmp_path, {"NATS_URL": nats.url, "LOG_LEVEL": "info"})
    try:
        gateway.wait_ready()
        warning, = [line for line in gateway.log_lines() if line["event"] == "service.descriptors"]
        assert warning["openFiles"] == 64 and warning["connectionsMax"] == 10_000 and 10 <= warning["fit"] < 64
        with RawClient(gateway) as scraper, contextlib.ExitStack() as idle:
            for _ in range(100):
                idle.enter_context(connect(gateway))
            used = cpu_of(gateway.pid)
            started = time.monotonic()
            scraper.send(GET_LIVENESS)
            assert scraper.answer().status == 200
            wait_for(lambda: served(gateway), 60, "a new client to be served")
            assert (cpu_of(gateway.pid) - used) < 0.5 * (time.monotonic() - started) + 0.5, "it spins"
        wait_for(lambda: served(gateway), 30, "the gateway to recover")
        check_served(gateway, 3)
    finally:
        assert gateway.terminate() == 0


def served(role):
    return role.post(EVENTS, facebook_event(), timeout=10).status_code == 200


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_slow_clients_are_ended_in_time_and_harm_nobody(nats, start_role):
    gateway = start_role("gateway", env={"REQUEST_TIMEOUT": "3s", "IDLE_TIMEOUT": "5s", "LOG_LEVEL": "info"}).wait_ready()
    starts = {"headers": b"POST /webhook/events HTTP/1.1\r\nHost: t\r\nX-Slow: ", "line": b"POST /",
              "body": post_bytes(facebook_event())[:-200]}
    with contextlib.ExitStack() as stack:
        slow = [(stack.enter_context(RawClient(gateway)), name) for _ in range(330) for name in starts]
        for client, name in slow:
            client.send(starts[name])
        begun = time.monotonic()
        took, stop = [], threading.Event()

        def drip():
            while not stop.wait(0.2):
                for client, _ in slow:
                    client.try_send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            while time.monotonic() - begun < 3:
                started = time.monotonic()
                assert gateway.post(EVENTS, facebook_event()).status_code == 200
                took.append(time.monotonic() - started)
            wait_for(lambda: gateway.metrics()["http_connections_open"] <= 2, 60, "the slow clients to be ended")
        finally:
            stop.set()
            thread.join()
        for client, name in slow:
            answer = client.answer()
            assert answer is None or answer.status == 408, name
    assert sorted(took)[int(len(took) * 0.99)] < 2
    assert refused(gateway, "too_slow") > 0 and cut(gateway, "too_slow") > 0


def test_a_client_that_does_not_read_its_answers_is_ended(nats, start_role):
    gateway = start_role("gateway", env={"REQUEST_TIMEOUT": "2s", "IDLE_TIMEOUT": "10m", "LOG_LEVEL": "info"}).wait_ready()
    request = b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n"
    with RawClient(gateway, timeout=1) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.try_send(request * 2000)
        wait_for(lambda: cut(gateway, "too_slow") == 1, 60, "the connection to be ended")
    check_served(gateway, 3)


def served(gateway):
    """A connection that is answered; until the gateway has seen the end of earlier ones they count as well."""

    def attempt():
        client = RawClient(gateway)
        client.try_send(GET_LIVENESS)
        if client.answer():
            return client
        client.close()
        return None

    return wait_for(attempt, 15, "a free place")


def cut_off(client):
    """Connections that the gateway ended for the limit of their address."""
    client.send(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n")
    return int(re.search(rb'http_connections_cut_total\{reason="address_limit"\} (\d+)', client.answer().body)[1])


def test_connections_of_one_address(nats, start_role):
    gateway = start_role("gateway", env={"CONNECTIONS_PER_ADDRESS_MAX": 3, "HTTP_THREADS": 2}).wait_ready()
    with served(gateway), served(gateway), served(gateway) as third:
        before = cut_off(third)
        with RawClient(gateway) as fourth:
            assert fourth.rest() == b""
        assert cut_off(third) == before + 1
    wait_for(lambda: gateway.get("/health/liveness").status_code == 200, 15, "its places to be free again")


def test_rate_of_one_address(nats, start_role):
    gateway = start_role("gateway", env={"RATE_LIMIT": 5}).wait_ready()
    statuses = []
    with RawClient(gateway) as client:
        while statuses.count(429) < 3:
            client.send(post_bytes(facebook_event()))
            answer = client.answer()
            statuses.append(answer.status)
            assert answer.status == 200 or answer.headers["retry-after"] == "1"
            assert answer.status == 200 or answer.json()["code"] == "rate_limited"
            assert len(statuses) < 1000
        client.send(GET_LIVENESS)
        assert client.answer().status == 200
        wait_for(lambda: gateway.post(EVENTS, facebook_event()).status_code == 200, 15, "its rate to be forgotten")
    assert statuses.count(200) >= 5
    assert refused(gateway, "rate") >= 3


def test_requests_in_flight(nats, start_role):
    gateway = start_role("gateway", env={"INFLIGHT_MAX_REQUESTS": 2, "ACK_TIMEOUT": "20s"}).wait_ready()
    with RawClient(gateway) as first, RawClient(gateway) as second:

        def both_in_flight():
            """What nats-server still answered before all its threads stood still is sent again."""
            for client in select.select([first.sock, second.sock], [], [], 0)[0]:
                (first if client is first.sock else second).answer()
                client.sendall(post_bytes(facebook_event()))
            return gateway.metrics()["http_requests_handled"] == 2

        nats.pause()
        try:
            for client in (first, second):
                client.send(post_bytes(facebook_event()))
            wait_for(both_in_flight, 15, "both to be in flight")
            answer = gateway.post(EVENTS, facebook_event())
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "overloaded", "1")
            assert gateway.get("/health/liveness").status_code == 200
            assert refused(gateway, "requests_inflight") == 1
        finally:
            nats.resume()
        assert {first.answer().status, second.answer().status} <= {200, 503}
    wait_for(lambda: served(gateway), 30, "the gateway to take events again")


def test_the_head_of_a_request(nats, start_role):
    gateway = start_role("gateway", env={"HEADER_MAX_BYTES": "8K"}).wait_ready()
    for headers, status in ((["X-Long: " + "x" * 20_000], 431), (["X-Long: " + "x" * 2_000], 200)):
        with RawClient(gateway) as client:
            client.try_send(post_bytes(facebook_event(), headers=headers))
            assert client.answer().status == status
    with RawClient(gateway) as client:
        client.try_send(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n")
        assert client.answer().status in (414, 431)
    assert refused(gateway, "headers_too_large") == 1, "libmicrohttpd tells nothing of the request line"


@pytest.mark.skipif(sanitized(), reason="sanitizers cost more than what is measured")
def test_hostile_json_is_cheap(nats, start_role):
    """A refusal costs 2 to 8 ms of CPU a megabyte on a quiet machine; twice the wanted 10 allow for a slow one."""
    gateway = start_role("gateway", env={"LOG_LEVEL": "info"}).wait_ready()
    event = json.dumps(facebook_event()).encode()
    keys = b",".join(b'"k%d":1' % i for i in range(1_000_000))
    twice = event[:-1] + b"," + b",".join([b'"eventId":"x"'] * 8_000) + b"}"
    bodies = {
        "depth": b"[" * 100_000,
        "depth in an event": event[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "keys": b"{" + keys + b"}",
        "the same key": b"[" + b",".join([twice] * 20) + b"]",
        "1e999": event[:-1] + b',"n":[' + b",".join([b"1e999"] * 20_000) + b"]}",
    }
    for name, body in bodies.items():
        best = min(cost(gateway, body) for _ in range(3))
        assert best < 0.020, f"{name}: {best * 1000:.1f} ms a megabyte"


def cost(gateway, body):
    before, sent = cpu_of(gateway.pid), 0
    while cpu_of(gateway.pid) - before < 0.08:
        assert gateway.post(EVENTS, body).status_code == 400
        sent += len(body)
    return (cpu_of(gateway.pid) - before) / (sent / 1e6)
