"""The load generator: real HTTP from some threads, the same requests for the same seed, everything journalled.

Requests hold one event or many; some events are repeated, some are corrupt on purpose. What gets no 200 is sent
again once now and then, as publishers do.
"""
import datetime
import http.client
import json
import random
import threading
import time

from harness.events import corrupt_event, random_event
from harness.wait import wait_for
from journal import Journal

PATH = "/webhook/events"


def dumps(event):
    return json.dumps(event, separators=(",", ":"))


class Plan:
    """Requests one after the other, as the seed has it."""

    def __init__(self, seed, users=200, campaigns=20, span_hours=30, bad=0.02, repeated=0.05):
        self.rng = random.Random(seed)
        self.now = datetime.datetime.now(datetime.timezone.utc)
        self.users, self.campaigns, self.span_hours = users, campaigns, span_hours
        self.bad, self.repeated = bad, repeated
        self.sent = []

    def event(self):
        """A good one; attributes of users change all the time."""
        rng = self.rng
        event = random_event(rng, self.now, self.users, self.span_hours)
        user, engagement = event["data"]["user"], event["data"]["engagement"]
        if event["source"] == "facebook":
            user.update(name=f"Name {rng.randrange(9)}", age=rng.randint(13, 90))
            user["location"]["city"] = rng.choice(["Berlin", "Lyon", "Porto", "São Paulo"])
            if "campaignId" in engagement:
                engagement["campaignId"] = f"campaign-{rng.randrange(self.campaigns)}"
        else:
            user.update(username=f"user {rng.randrange(9)}", followers=rng.randrange(2_000_000))
            if rng.random() < 0.5:
                engagement.pop("country", None)
            elif "country" in engagement:
                engagement["country"] = rng.choice(["Germany", "France", "Peru"])
        return event

    def one(self):
        """(text, whether it is corrupt)"""
        dice = self.rng.random()
        if dice < self.bad:
            event = corrupt_event(self.rng)[0]
            return dumps({**event, "serial": f"{self.rng.getrandbits(64):016x}"}), True
        if dice < self.bad + self.repeated and self.sent:
            return self.rng.choice(self.sent), False
        text = dumps(self.event())
        self.sent.append(text)
        return text, False

    def request(self):
        """Events, and whether they go as an array."""
        dice = self.rng.random()
        count = 1 if dice < 0.5 else self.rng.randint(2, 12) if dice < 0.9 else self.rng.randint(40, 80)
        return [self.one() for _ in range(count)], count > 1


class Load:
    """with Load(url, path) as load: ...; counts what was answered as it goes."""

    def __init__(self, address, journal_path, plan, rate=30, threads=4, timeout=40, again=0.5):
        self.address, self.plan, self.timeout, self.again = address, plan, timeout, again
        self.interval = threads / rate
        self.journal = Journal(journal_path)
        self.lock = threading.Lock()
        self.number = self.under_way = 0
        self.statuses, self.seconds, self.accepted = [], [], 0
        self.trouble = []
        self.stopping = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """What is under way is finished; further requests may still be posted one by one."""
        self.stopping.set()
        self.going.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()
        if self.trouble:
            raise AssertionError(f"the load generator failed: {self.trouble[0]!r}") from self.trouble[0]

    def close(self):
        self.stop()
        self.journal.close()

    def _run(self, number):
        connection = Connection(self.address, self.timeout)
        due = time.monotonic() + self.interval * number / len(self.threads)
        repeat = None
        try:
            while not self.stopping.wait(max(0, due - time.monotonic())):
                self.going.wait()
                with self.lock:
                    if not self.going.is_set():
                        continue
                    request = repeat or self.plan.request()
                    again = repeat is None and self.plan.rng.random() < self.again
                    self.under_way += 1
                status = self._send(connection, *request)[0]
                with self.lock:
                    self.under_way -= 1
                repeat = request if status != 200 and again else None
                due = max(due + self.interval, time.monotonic() - 1)
        except Exception as error:  # noqa: BLE001  told by stop()
            self.trouble.append(error)
        finally:
            connection.close()

    def _send(self, connection, events, many, path=PATH):
        texts = [text for text, _ in events]
        number = self.announce(texts, [i for i, (_, bad) in enumerate(events) if bad])
        body = "[" + ",".join(texts) + "]" if many else texts[0]
        started = time.monotonic()
        status, answer = connection.post(path, body.encode())
        seconds = time.monotonic() - started
        rejected = [fault["index"] for fault in answer.get("errors", [])] if status == 200 and many else []
        self.settle(number, status, rejected)
        with self.lock:
            self.statuses.append(status)
            self.seconds.append(seconds)
            if status == 200:
                self.accepted += len(texts) - len(rejected)
        return status, answer

    def announce(self, texts, bad=()):
        """Journals a request before it is sent, by whatever way; returns its number. bad: which events are corrupt."""
        with self.lock:
            self.number += 1
            number = self.number
        self.journal.append({"send": number, "events": list(texts), "bad": list(bad)})
        return number

    def settle(self, number, status, rejected=()):
        """Journals the answer to it; None: there was none. rejected: which events, of a 200."""
        self.journal.append({"answer": number, "status": status, "rejected": list(rejected)})

    def post(self, events, many=None):
        """One request outside of the plan, journalled as all are: (status, answer). Events are dicts or texts."""
        texts = [(event if isinstance(event, str) else dumps(event), False) for event in events]
        connection = Connection(self.address, self.timeout)
        try:
            return self._send(connection, texts, len(events) > 1 if many is None else many)
        finally:
            connection.close()

    def pause(self):
        """Returns when everything that was sent is answered."""
        with self.lock:
            self.going.clear()
        wait_for(lambda: self.under_way == 0 or self.trouble, self.timeout + 20, "all requests to be answered")

    def go_on(self):
        self.going.set()

    def count(self, *statuses):
        with self.lock:
            return sum(self.statuses.count(status) for status in statuses)

    def slowest(self, since=0):
        with self.lock:
            return max(self.seconds[since:], default=0)

    def wait_accepted(self, more, seconds=60):
        """Until that many more events were accepted."""
        target = self.accepted + more
        wait_for(lambda: self.accepted >= target or self.trouble, seconds, f"{more} more events to be accepted")

    def wait_status(self, status, more=1, seconds=60):
        target = self.count(status) + more
        wait_for(lambda: self.count(status) >= target or self.trouble, seconds, f"{more} answers {status}")


class Connection:
    """Kept open from request to request; an error closes it, and the next request opens another."""

    def __init__(self, address, timeout):
        self.http = http.client.HTTPConnection(*address, timeout=timeout)

    def post(self, path, body):
        """(status, answer); (None, {}) when no answer came."""
        try:
            self.http.request("POST", path, body, {"Content-Type": "application/json"})
            answer = self.http.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self.http.close()
            return None, {}

    def close(self):
        self.http.close()
