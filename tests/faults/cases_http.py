"""Clients that are slow, speak ambiguous HTTP, or are too many."""
import re
import selectors
import socket
import threading
import time

import processes
from clients import EVENTS_HEAD, expect, raw, unless_refused
from harness.binary import sluice_binary
from harness.events import facebook_event
from harness.gateway import RawClient, chunk, post_bytes
from harness.process import Process
from harness.wait import wait_for
from load import Connection, dumps
from registry import case


def latencies(world, count):
    """Of single events on one connection, in order of length."""
    connection = Connection(world.gateway_address, 30)
    seconds = []
    for _ in range(count):
        with world.load.lock:
            text = dumps(world.plan.event())
        begin = time.monotonic()
        world.load._send(connection, [(text, False)], False)
        seconds.append(time.monotonic() - begin)
    connection.close()
    return sorted(seconds)


class SlowClients:
    """Half of them dribble their headers, half their bodies; counts those that the server closes."""

    def __init__(self, world, count):
        self.selector = selectors.DefaultSelector()
        self.count, self.closed, self.stopping = count, 0, threading.Event()
        for i in range(count):
            sock = socket.create_connection(world.gateway_address, timeout=20)
            head = EVENTS_HEAD + "Content-Length: 100000\r\n\r\n[" if i % 2 else EVENTS_HEAD + "X-Slow: "
            sock.sendall(head.encode())
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ)
        self.begin = time.monotonic()
        self.all_closed = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        dribble = time.monotonic()
        while not self.stopping.is_set() and self.closed < self.count:
            for key, _ in self.selector.select(0.2):
                self._read(key.fileobj)
            if time.monotonic() > dribble:
                dribble += 1
                for key in list(self.selector.get_map().values()):
                    try:
                        key.fileobj.send(b" ")
                    except OSError:
                        pass  # reading it tells
        self.all_closed = time.monotonic() - self.begin

    def _read(self, sock):
        try:
            if sock.recv(4096):
                return  # an answer, 408 perhaps
        except BlockingIOError:
            return
        except OSError:
            pass
        self.selector.unregister(sock)
        sock.close()
        self.closed += 1

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


@case(30, "1,000 slow clients, headers then bodies", seconds=45, alone=True)
def slow_clients(world):
    limit = 8
    world.start(per_role={"gateway": {"IDLE_TIMEOUT": "4s", "REQUEST_TIMEOUT": f"{limit}s"}})
    world.begin_load(rate=10)
    before = latencies(world, 600)
    slow = SlowClients(world, 1000)
    try:
        wait_for(lambda: world.gateway.metrics()["http_connections_open"] >= 1000, 20, "all of them to be connected")
        during = latencies(world, 600)
        connected = slow.count - slow.closed
        wait_for(lambda: slow.closed == slow.count, 60, "the slow clients to be closed")
    finally:
        slow.stop()
    world.healed()
    p99 = [values[int(len(values) * 0.99)] for values in (before, during)]
    world.note = f"p99 of the others {p99[0] * 1000:.1f} ms without them, {p99[1] * 1000:.1f} ms with {connected} or more of them"
    # Twice, and on a machine with other work never less than the time of a few fsyncs.
    if p99[1] > max(2 * p99[0], 0.02):
        world.say("I5", world.note)
    if slow.all_closed > limit + 5:
        world.say("I5", f"the last slow client was closed after {slow.all_closed:.1f} s")
    world.finish()
    world.conclude()


@case(34, "ambiguous framing, folded headers, bare LF, pipelining", seconds=25)
def framing(world):
    """Each request hides a second one, whose event must never be stored: the journal does not know it."""
    world.start()
    world.begin_load()
    hidden = post_bytes(facebook_event())
    text = dumps(facebook_event())
    chunked = chunk(text.encode()) + b"0\r\n\r\n"
    length = f"Content-Length: {len(text)}"
    for what, headers, body in (
            ("a length and chunked", [length, "Transfer-Encoding: chunked"], chunked),
            ("chunked and a length", ["Transfer-Encoding: chunked", "Content-Length: 4"], chunked),
            ("two lengths", [length, "Content-Length: 3"], text.encode()),
            ("the same length twice", [length, length], text.encode()),
            ("xchunked", ["Transfer-Encoding: xchunked"], chunked),
            ("chunked twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunked),
            ("a folded header", ["X-A: b\r\n c", length], text.encode()),
            ("a space before the colon", [f"Content-Length : {len(text)}"], text.encode())):
        request = "\r\n".join([EVENTS_HEAD.rstrip(), *headers]).encode() + b"\r\n\r\n" + body + hidden
        status, rest = raw(world, request)
        expect(world, what, status, 400, None)
        if b"HTTP/1.1 2" in rest:
            world.say("I3", f"{what}: a second answer follows")
    bare_lf(world)
    pipelining(world)
    world.healed()
    world.finish()
    world.conclude()


def bare_lf(world):
    text = dumps(facebook_event())
    number = world.load.announce([text])
    with RawClient(world.gateway) as client:
        client.send(f"POST /webhook/events HTTP/1.1\nHost: t\nConnection: close\nContent-Length: {len(text)}\n\n{text}".encode())
        answer = client.answer()
        status, rest = answer.status if answer else None, client.rest()
    world.load.settle(number, unless_refused(status))
    expect(world, "bare LF", status, 200, 400)
    # The HTTP library writes the head of its own 400 twice.
    if re.search(rb"HTTP/1.1 2", rest):
        world.say("I3", f"bare LF: a second answer follows: {rest[:200]}")


def pipelining(world):
    texts = [dumps(facebook_event()) for _ in range(50)]
    number = world.load.announce(texts)
    with RawClient(world.gateway) as client:
        client.send(b"".join(post_bytes(text.encode()) for text in texts))
        statuses = [client.answer().status for _ in texts]
    world.load.settle(number, 200 if set(statuses) == {200} else 503)
    expect(world, "50 requests at once", set(statuses) == {200}, True)


@case(40, "64 descriptors only", seconds=30)
def few_descriptors(world):
    world.start()
    gateway = world.gateway
    gateway.terminate()
    gateway.process = Process(["prlimit", "--nofile=64:64", sluice_binary(), "gateway"], gateway.log_path, env=gateway.env,
                              cwd=str(world.folder))
    gateway.wait_ready()
    world.begin_load(rate=20, threads=2)
    before = processes.descriptors(gateway.pid)
    sockets = []
    try:
        for _ in range(200):
            sock = socket.create_connection(world.gateway_address, timeout=10)
            sockets.append(sock)
        wait_for(lambda: processes.descriptors(gateway.pid) >= before + 8, 20, "connections to be held")
        cpu, begin = processes.cpu_seconds(gateway.pid), time.monotonic()
        world.load.wait_accepted(50)  # on the connections that it has
        while time.monotonic() < begin + 5:
            time.sleep(0.1)
        used = (processes.cpu_seconds(gateway.pid) - cpu) / (time.monotonic() - begin)
        if used > 0.5:
            world.say("I5", f"the gateway was busy for {used * 100:.0f} % of the time: it spins on accept")
    finally:
        for sock in sockets:
            sock.close()
    world.healed()
    world.finish()
    world.conclude()
