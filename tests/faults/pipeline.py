"""What the worlds of all cases have in common: the load, recovery, and the end of a case.

A case breaks something, says healed() when it is whole again, and calls finish(): the pipeline recovers, the load stops,
everything drains, and the oracle looks.
"""
import contextlib
import pathlib
import time

import processes
from harness.binary import sanitized
from harness.collector import metric
from harness.wait import wait_for
from journal import Record
from load import Load, Plan
from oracle import STREAMS, Checker, read_messages

RECOVERY_LIMIT = 30
MEMORY_FLOOR, DESCRIPTORS_FLOOR = 32 << 20, 8
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")


def hold_for(seconds, look=lambda: None, every=0.5):
    """A fault that lasts; look() is called all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        look()
        time.sleep(every)


def counter(role, name):
    """A counter of a collector, by its name without the service's."""
    return metric(role, f"{role.name.replace('-', '_')}_{name}_total")


class Failed(Exception):
    """A case did not pass."""


class Skipped(Exception):
    """A case cannot run here; says why."""


class Pipeline:
    """What World and Supervised share."""

    def __init__(self, folder, seed=1, quick=False):
        self.folder = pathlib.Path(folder)
        self.seed, self.quick = seed, quick
        self.ending = contextlib.ExitStack()
        self.load = None
        self.plan = Plan(seed)
        self.baseline = {}
        self.healed_at = None
        self.recovery = None
        self.verdict = None
        self.note = None  # what a case measured besides
        self.faults = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self.load:
                self.load.close()
        except AssertionError as error:
            print(error)  # a case that did not ask for it has failed before
        finally:
            self.ending.close()

    def say(self, invariant, text):
        self.faults.append(f"{invariant}: {text}")

    # The load

    def begin_load(self, warm=150, **options):
        """Starts the load and, once some of it has come through, takes the baseline of memory and descriptors."""
        plan = {name: options.pop(name) for name in ("users", "campaigns", "span_hours", "bad", "repeated") if name in options}
        self.plan = Plan(self.seed, **plan)
        self.load = Load(self.gateway_address, self.folder / "journal", self.plan, **options)
        self.load.start()
        self.load.wait_accepted(warm)
        self.baseline = {name: (processes.resident(pid), processes.descriptors(pid)) for name, pid in self.pids().items()}
        return self.load

    def post(self, events, **options):
        """Some events beside the load, journalled too."""
        if not self.load:
            self.load = Load(self.gateway_address, self.folder / "journal", self.plan)
        return self.load.post(events, **options)

    def accept(self, events, **options):
        """Posts until they are taken, as publishers do."""
        return wait_for(lambda: self.post(events, **options)[0] == 200, 60, "events to be accepted")

    # The end of a case

    def healed(self):
        self.healed_at = time.monotonic()

    def recover(self, limit=RECOVERY_LIMIT):
        """Until an event of each source goes all the way again; I5 is the time since healed()."""
        begin = self.healed_at or time.monotonic()
        with self.load.lock:
            probes = {source: self._probe(source) for source in STREAMS}
        for event in probes.values():
            self.accept([event])
        for (source, event) in probes.items():
            wait_for(lambda s=source, e=event: self.query(
                "SELECT 1 FROM processed_events WHERE source = %s AND event_id = %s", (s, e["eventId"])),
                limit + 60, f"a {source} event to be stored")
        for name in self.pids():
            wait_for(lambda n=name: self.is_ready(n), limit + 60, f"{name} to be ready")
        self.recovery = time.monotonic() - begin
        if limit and self.recovery > limit:
            self.say("I5", f"recovery took {self.recovery:.1f} s")

    def _probe(self, source):
        while True:
            event = self.plan.event()
            if event["source"] == source:
                return event

    def drain(self, seconds=90):
        """Until every message of the streams was delivered and acked."""
        for source, stream in STREAMS.items():
            consumer = "fb-collector" if source == "facebook" else "ttk-collector"

            def drained(path=f"CONSUMER.INFO.{stream}.{consumer}"):
                with self.nats_client() as client:
                    state = client.api(path)
                return state["num_pending"] == 0 and state["num_ack_pending"] == 0

            wait_for(drained, seconds, f"{stream} to drain")

    def check(self, **options):
        with self.nats_client() as client:
            messages = {source: read_messages(client, stream) for source, stream in STREAMS.items()}
            letters = [message.payload for message in read_messages(client, "EVENTS_DLQ")]
        self.verdict = Checker(Record(self.folder / "journal"), self.query, messages, letters, **options).run()
        return self.verdict

    def check_footprint(self):
        """I6. Memory that grew is given some time to be given back."""
        def grown():
            for name, (memory, descriptors) in self.baseline.items():
                pid = self.pids()[name]
                for what, now, before, floor in (("bytes of memory", processes.resident(pid), memory, MEMORY_FLOOR),
                                                 ("descriptors", processes.descriptors(pid), descriptors, DESCRIPTORS_FLOOR)):
                    if now > max(before * 1.1, before + floor) and not (what != "descriptors" and sanitized()):
                        return f"{name} holds {now} {what}, {before} before"
            return None

        try:
            wait_for(lambda: grown() is None, 20, "the footprint to be small again")
        except AssertionError:
            self.say("I6", grown() or "the footprint was large for long")

    def finish(self, limit=RECOVERY_LIMIT, flow=100, footprint=True, **checks):
        """Load flows again, stops; everything comes through; the oracle looks. Raises Failed with all that is wrong."""
        if self.recovery is None:
            self.recover(limit)
        if flow and not self.load.stopping.is_set():
            self.load.wait_accepted(flow)
        self.load.stop()
        self.drain()
        self.check(**checks)
        if footprint:
            self.check_footprint()
        self.conclude()

    def conclude(self):
        faults = self.faults + (self.verdict.faults if self.verdict else []) + self.sanitizer_reports()
        if faults:
            raise Failed("\n".join(faults))

    def sanitizer_reports(self):
        found = []
        for path in self.folder.rglob("*.log"):
            text = path.read_text(errors="replace")
            found += [f"{path.name}: {text[text.index(mark):][:2000]}" for mark in SANITIZER_MARKS if mark in text]
        return found

    def letters(self):
        with self.nats_client() as client:
            return read_messages(client, "EVENTS_DLQ")

    def no_request_failed(self):
        if self.load.count(503, None):
            self.say("I5", f"{self.load.count(503)} requests were answered 503 and {self.load.count(None)} not at all")

    def answers_are_plain(self, *more):
        """Only 200, 400 (a single corrupt event), 503 and what else is expected are answers."""
        others = {status for status in self.load.statuses if status not in (200, 400, 503, *more)}
        if others:
            self.say("I1", f"answers besides 200, 400 and 503: {others}")

    def no_dead(self):
        """Nothing but what was corrupt on purpose is dead-lettered: an outage is no dead letter."""
        from_collectors = [m.headers for m in self.letters() if "Dlq-Stream" in m.headers]
        if from_collectors:
            self.say("I1", f"{len(from_collectors)} events were dead-lettered by collectors: {from_collectors[0]}")
