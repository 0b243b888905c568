"""A small client of the NATS protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol),
enough to look into streams and to publish to them in tests; Debian 12 packages none for Python."""
import base64
import calendar
import json
import socket
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlparse


@dataclass
class Message:
    subject: str
    payload: bytes
    headers: dict = field(default_factory=dict)
    seq: int = 0
    reply: str = ""
    time: int = 0  # when its stream stored it: nanoseconds since 1970


def nanoseconds(text):
    """An RFC 3339 time in UTC, as nats-server writes it, in nanoseconds since 1970."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


class JetStreamError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.get('code')} {error.get('err_code')}: {error.get('description')}")
        self.err_code = error.get("err_code")


def parse_headers(block):
    headers = {}
    for line in block.decode(errors="replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers


class NatsClient:
    def __init__(self, url):
        parsed = urlparse(url)
        self.sock = socket.create_connection((parsed.hostname, parsed.port), timeout=10)
        self.file = self.sock.makefile("rb")
        self.file.readline()  # INFO
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True,
                   "lang": "python", "version": "0", "protocol": 1}
        if parsed.username and parsed.password:
            options.update(user=parsed.username, **{"pass": parsed.password})
        elif parsed.username:
            options.update(auth_token=parsed.username)
        self.inbox = "_INBOX." + uuid.uuid4().hex
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        while not self._read_line().startswith("PONG"):
            pass
        self._send(f"SUB {self.inbox}.* 1\r\n".encode())
        self.counter = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def _send(self, data):
        self.sock.sendall(data)

    def _read_line(self):
        line = self.file.readline().decode()
        if not line:
            raise ConnectionError("nats-server closed the connection")
        if line.startswith("-ERR"):
            raise ConnectionError(line.strip())
        if line.startswith("PING"):
            self._send(b"PONG\r\n")
            return self._read_line()
        return line

    def publish(self, subject, payload, headers=None, reply=""):
        if isinstance(payload, str):
            payload = payload.encode()
        head = f"{subject} {reply} ".replace("  ", " ")
        if headers:
            block = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
            block = block.encode()
            size = f"{len(block)} {len(block) + len(payload)}"
            self._send(f"HPUB {head}{size}\r\n".encode() + block + payload + b"\r\n")
        else:
            self._send(f"PUB {head}{len(payload)}\r\n".encode() + payload + b"\r\n")

    def _next_message(self):
        while True:
            words = self._read_line().split()
            if words[0] == "MSG":
                size = int(words[-1])
                payload = self.file.read(size + 2)[:-2]
                return Message(words[1], payload, reply=words[3] if len(words) == 5 else "")
            if words[0] == "HMSG":
                header_size, size = int(words[-2]), int(words[-1])
                data = self.file.read(size + 2)[:-2]
                return Message(words[1], data[header_size:], parse_headers(data[:header_size]),
                               reply=words[3] if len(words) == 6 else "")

    def request(self, subject, payload=b"", headers=None):
        self.counter += 1
        reply = f"{self.inbox}.{self.counter}"
        self.publish(subject, payload, headers, reply)
        while True:
            message = self._next_message()
            if message.subject == reply:
                return message

    def api(self, subject, body=None):
        """A JetStream API call; its answer as a dict."""
        raw = self.request("$JS.API." + subject, json.dumps(body).encode() if body is not None else b"")
        answer = json.loads(raw.payload)
        if "error" in answer:
            raise JetStreamError(answer["error"])
        return answer

    def js_publish(self, subject, payload, headers=None):
        answer = json.loads(self.request(subject, payload, headers).payload)
        if "error" in answer:
            raise JetStreamError(answer["error"])
        return answer

    def stream_state(self, stream):
        return self.api(f"STREAM.INFO.{stream}")["state"]

    def messages(self, stream):
        """Every message a stream holds, in order."""
        state = self.stream_state(stream)
        found = []
        for seq in range(state["first_seq"], state["last_seq"] + 1):
            try:
                message = self.api(f"STREAM.MSG.GET.{stream}", {"seq": seq})["message"]
            except JetStreamError as error:
                if error.err_code == 10037:  # deleted
                    continue
                raise
            headers = parse_headers(base64.b64decode(message["hdrs"])) if "hdrs" in message else {}
            found.append(Message(message["subject"], base64.b64decode(message.get("data", "")), headers, seq,
                                 time=nanoseconds(message["time"])))
        return found
