"""Rolling restarts under load: not one request fails, whatever its client does with its connections."""
import json
import threading
import time
import uuid

import pytest

from harness.events import facebook_event
from harness.gateway import RawClient, post_bytes
from harness.stack import ROLES, Stack, is_alive
from harness.wait import wait_for

ROUNDS = {"gateway": 4, "reporter": 3, "fb-collector": 2, "ttk-collector": 2}


@pytest.fixture(scope="module", name="stack")
def stack_fixture():
    stack = Stack()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


class Port:
    """What RawClient needs of a role."""

    def __init__(self, port):
        self.port = port


class Client(threading.Thread):
    """Asks again and again. A connection is kept until an answer says that it was the last one, or closed after
    each request; nothing is ever tried again."""

    def __init__(self, port, make, events=0, keep=True, pause=0.0):
        super().__init__(daemon=True)
        self.role, self.make, self.events, self.keep, self.pause = Port(port), make, events, keep, pause
        self.answered, self.connections, self.failure = 0, 0, None
        self.stopping = threading.Event()

    def run(self):
        client = None
        try:
            while not self.stopping.is_set():
                if client is None:
                    client = RawClient(self.role, timeout=60)
                    self.connections += 1
                client.send(self.make())
                answer = client.answer()
                if answer is None:
                    raise AssertionError("the connection was closed instead of an answer")
                if answer.status != 200:
                    raise AssertionError(f"{answer.status}: {answer.body!r}")
                self.answered += 1
                if not self.keep or answer.headers.get("connection", "").lower() == "close":
                    client.close()
                    client = None
                if self.pause:
                    time.sleep(self.pause)  # what the client does between two requests
        except Exception as error:  # noqa: BLE001  the test asks for it
            self.failure = f"after {self.answered} answers: {error!r}"
        finally:
            if client:
                client.close()


def get_bytes(path):
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def one_event():
    return post_bytes(facebook_event())


LARGE_EVENTS = 1000
LARGE = json.dumps([facebook_event(eventId=f"EVENT-{i:04}-ID") for i in range(LARGE_EVENTS)])


def many_events():
    """About half a megabyte, which takes a worker and several messages."""
    return post_bytes(LARGE.replace("-ID", uuid.uuid4().hex).encode())


def clients_of(stack, role):
    port = stack.port(role)
    if role == "gateway":
        return [Client(port, one_event, 1), Client(port, one_event, 1), Client(port, one_event, 1, keep=False),
                Client(port, one_event, 1, pause=0.2), Client(port, many_events, LARGE_EVENTS, pause=0.1),
                Client(port, many_events, LARGE_EVENTS, keep=False, pause=0.1)]
    path = "/reports/events" if role == "reporter" else "/metrics"
    return [Client(port, lambda: get_bytes(path)), Client(port, lambda: get_bytes(path), keep=False),
            Client(port, lambda: get_bytes("/health"), pause=0.2)]


@pytest.mark.parametrize("role", ROLES)
def test_rolling_restart_fails_no_request(stack, role):
    before = stack.stored()
    clients = clients_of(stack, role)
    for client in clients:
        client.start()

    def all_go_on(more):
        wanted = [client.answered + more for client in clients]
        wait_for(lambda: any(c.failure for c in clients) or all(c.answered >= w for c, w in zip(clients, wanted)), 60,
                 "all clients to be answered")
        assert not [c.failure for c in clients if c.failure]

    try:
        all_go_on(2)
        for _ in range(ROUNDS[role]):
            old = stack.pid(role)
            done = stack.run("restart", role)
            assert done.returncode == 0, done.stderr
            assert stack.pid(role) != old and not is_alive(old)
            all_go_on(2)
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join()
    assert not [c.failure for c in clients if c.failure]
    assert min(c.connections for c in clients) >= 2, "each client saw a restart"
    sent = sum(c.answered * c.events for c in clients)
    wait_for(lambda: stack.stored() == before + sent, 120, "everything that was taken to be stored, once")
