"""What was sent, and what became of it: written down and on the disk before anything depends on it.

One JSON object a line. {"send": N, "events": [...]} is there before the request leaves: the exact text of each event,
with the numbers of those that are corrupt on purpose in "bad". {"answer": N, "status": S} follows when the answer
came, with the numbers of the rejected events in "rejected"; S is null when none came. A request without an
answer is "unknown", as it is when the load generator itself dies.
"""
import collections
import hashlib
import json
import os
import threading

ACCEPTED, REJECTED, FAILED, UNKNOWN = "2xx", "4xx", "5xx", "unknown"


class Journal:
    """Appends lines from many threads; those that wait at the same time share one fsync."""

    def __init__(self, path):
        self.file = open(path, "ab", buffering=0)
        self.changed = threading.Condition()
        self.waiting = []
        self.written = self.synced = 0
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def append(self, record):
        """Returns when it is on the disk."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        with self.changed:
            self.waiting.append(line)
            self.written += 1
            mine = self.written
            self.changed.notify_all()
            while self.synced < mine:
                self.changed.wait()

    def _run(self):
        while True:
            with self.changed:
                while not self.waiting and not self.closing:
                    self.changed.wait()
                if not self.waiting:
                    return
                lines, self.waiting = self.waiting, []
                target = self.written
            self.file.write(b"".join(lines))
            os.fsync(self.file.fileno())
            with self.changed:
                self.synced = target
                self.changed.notify_all()

    def close(self):
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.thread.join()
        self.file.close()


def key_of(event):
    """(source, eventId), or None for an event that has none."""
    if not isinstance(event, dict):
        return None
    source, name = event.get("source"), event.get("eventId")
    return (source, name) if source in ("facebook", "tiktok") and isinstance(name, str) else None


def digest_of(key):
    """The event key in the database."""
    return hashlib.sha256(key[0].encode() + b"\0" + key[1].encode()).digest()[:16].hex()


class Record:
    """A journal, read: what the checker knows."""

    def __init__(self, path):
        self.sends, self.answers = {}, {}
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # the last line of a generator that died
                entry = json.loads(line)
                if "send" in entry:
                    self.sends[entry["send"]] = entry
                else:
                    self.answers[entry["answer"]] = entry
        self.outcomes = collections.defaultdict(set)  # of each good event: key -> outcomes
        self.texts = collections.defaultdict(list)  # key -> the texts it was sent with, in order
        self.corrupt = collections.defaultdict(set)  # of each event that is corrupt on purpose: text -> outcomes
        self.occurrences = 0
        for number, entry in self.sends.items():
            self._take(entry, self.answers.get(number))

    def _take(self, entry, answer):
        bad = set(entry["bad"])
        for index, text in enumerate(entry["events"]):
            self.occurrences += 1
            outcome = outcome_of(answer, index)
            if index in bad:
                self.corrupt[text].add(outcome)
                continue
            key = key_of(json.loads(text))
            self.outcomes[key].add(outcome)
            if text not in self.texts[key]:
                self.texts[key].append(text)

    def accepted(self):
        return {key for key, outcomes in self.outcomes.items() if ACCEPTED in outcomes}

    def statuses(self):
        """How many requests got which answer; None: no answer."""
        return collections.Counter((self.answers.get(number) or {}).get("status") for number in self.sends)


def outcome_of(answer, index):
    status = answer["status"] if answer else None
    if status is None:
        return UNKNOWN
    if status == 200:
        return REJECTED if index in answer["rejected"] else ACCEPTED
    return REJECTED if 400 <= status < 500 else FAILED
