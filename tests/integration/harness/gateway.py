"""What the gateway's tests share: a gateway for a whole module, its streams read as events, and a client that
speaks HTTP by the byte."""
import json
import shutil
import socket
import tempfile
from dataclasses import dataclass

import pytest

from .roles import Role

SOURCES = {"facebook": "FACEBOOK_EVENTS", "tiktok": "TIKTOK_EVENTS"}


def gateway_fixture(**env):
    """A fixture `gateway`: one for all tests of the module."""

    @pytest.fixture(scope="module", name="gateway")
    def fixture(nats):
        folder = tempfile.mkdtemp(prefix="sluice-test-gateway-")
        role = Role("gateway", folder, {"NATS_URL": nats.url, **env})
        try:
            yield role.wait_ready()
        finally:
            status = role.terminate()
            from conftest import sanitizer_reports

            problems = sanitizer_reports(role)
            shutil.rmtree(folder, ignore_errors=True)
        assert not problems, "\n".join(problems)
        assert status == 0

    return fixture


@dataclass
class StoredEvent:
    raw: bytes
    correlation_id: str
    received_at: str
    message: object

    @property
    def id(self):
        return json.loads(self.raw)["eventId"]


def read_batch(message):
    """The events of one JetStream message; asserts that the frame and the headers are as documented."""
    lines = message.payload.split(b"\n")
    assert lines.pop() == b"", "the last line ends with a line feed"
    events = []
    while lines:
        context = json.loads(lines.pop(0))
        assert set(context) - {"accepted", "rejected"} == {"correlationId", "receivedAt", "count"}
        assert len(lines) >= context["count"] > 0
        for raw in lines[:context["count"]]:
            events.append(StoredEvent(raw, context["correlationId"], context["receivedAt"], message))
        del lines[:context["count"]]
    assert message.headers["Event-Count"] == str(len(events))
    assert message.headers["Content-Type"] == "application/x-ndjson"
    assert len(message.payload) <= 256 * 1024
    return events


def stored_events(nats, source="facebook", after=0):
    """Every event of a source's stream behind a stream sequence."""
    events = []
    for message in nats.messages(SOURCES[source]):
        if message.seq > after:
            events += read_batch(message)
    return events


def last_seq(nats, stream):
    with nats.client() as client:
        return client.stream_state(stream)["last_seq"]


def new_messages(nats, stream, after):
    return [message for message in nats.messages(stream) if message.seq > after]


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class RawClient:
    """One connection; whatever is wrong with the bytes is the test's own doing."""

    def __init__(self, role, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", role.port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def try_send(self, data):
        """The other side may have closed already."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def answer(self):
        """The next answer, or None when the connection was closed instead."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            return None
        if not line:
            return None
        status = int(line.split()[1])
        headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, self.file.read(int(headers.get("content-length", 0))))

    def rest(self):
        """What still comes until the server closes; waits for that."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""


def post_bytes(body, path="/webhook/events", headers=()):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", "Content-Type: application/json",
             *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


CHUNKED = (b"POST /webhook/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n")
