"""What the cases of hostile clients share: requests by the byte, and the size of what they cost."""
import threading

import processes
from harness.binary import sanitized
from harness.gateway import RawClient

MEMORY = 64 << 20  # what a request that is refused may take for a while
EVENTS_HEAD = "POST /webhook/events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"


def raw(world, request, texts=()):
    """Sends bytes on a connection of their own; those of the events that may be stored are journalled. (status of the
    first answer or None, what followed until the server closed)"""
    number = world.load.announce(texts) if texts else None
    with RawClient(world.gateway, timeout=60) as client:
        client.try_send(request)
        answer = client.answer()
        rest = client.rest() if answer is None or answer.headers.get("connection", "").lower() == "close" else b""
    status = answer.status if answer else None
    if number:
        world.load.settle(number, unless_refused(status))
    return status, rest


def unless_refused(status):
    """A request that is refused for its size or framing is no event that is refused: nothing is known of its events."""
    return None if status and 400 <= status < 500 else status


def expect(world, what, got, *wanted):
    if got not in wanted:
        world.say("I3", f"{what}: {got} instead of {' or '.join(map(str, wanted))}")


class Peak:
    """The largest size of a process while something happens."""

    def __init__(self, pid):
        self.pid, self.done = pid, threading.Event()
        self.before = self.largest = processes.resident(pid)
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.done.wait(0.01):
            self.largest = max(self.largest, processes.resident(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def check(self, world, what):
        grown = self.largest - self.before
        if grown > MEMORY and not sanitized():
            world.say("I6", f"{what}: memory grew by {grown >> 20} MiB")
