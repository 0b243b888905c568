"""Whether nothing was lost, doubled or counted wrongly: the journal against streams, ledger and tables.

  I1  every 2xx event is stored or dead-lettered, every rejected one is dead-lettered; the sums of stream, ledger and
      tables add up: accepted = stored + duplicates + dead-lettered + expired
  I2  no event key twice; stored and dead-lettered are disjoint
  I3  no 4xx event is stored; what is stored was sent, and stands there as it was sent
  I4  what is derived (revenue, users, rollups) equals a recount from the events

I5 (recovery) and I6 (memory, descriptors) are measured in world.py. The checker looks once the pipeline has drained, and
trusts nothing that the roles say of themselves.
"""
import collections
import json
from dataclasses import dataclass, field

import recount
from harness.nats_client import JetStreamError
from journal import ACCEPTED, REJECTED, digest_of, key_of

STREAMS = {"facebook": "FACEBOOK_EVENTS", "tiktok": "TIKTOK_EVENTS"}
SHOWN = 3


@dataclass
class Verdict:
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    faults: list = field(default_factory=list)

    def say(self, invariant, text, examples=()):
        examples = list(examples)
        shown = ", ".join(str(x)[:200] for x in examples[:SHOWN])
        self.faults.append(f"{invariant}: {text}" + (f": {shown}" if examples else ""))


class Checker:
    """query: SQL and parameters -> rows. letters: the payloads of the dead-letter stream. messages: by source, those
    that its stream holds. excused: keys that a case lost on purpose, such as those in a stream it deleted.
    What retention has dropped is accounted for by what it wrote down of that."""

    def __init__(self, record, query, messages, letters, excused=frozenset()):
        self.record, self.query, self.messages = record, query, messages
        self.letters = collections.Counter(payload.decode(errors="replace") for payload in letters)
        self.excused = excused
        self.retained_from = self._retained_from()
        self.verdict = Verdict(sent=len(record.outcomes))
        self.stored = {}

    def run(self):
        self._read_events()
        self._check_once()
        self._check_nothing_lost()
        self._check_nothing_invented()
        self._check_sums()
        for text, rows in recount.differences(self.query, self.retained_from):
            self.verdict.say("I4", text, rows)
        return self.verdict

    def _has(self, table):
        return self.query("SELECT to_regclass(%s) IS NOT NULL", (table,))[0][0]

    def _retained_from(self):
        """As the events' timestamps are written; None: everything is retained."""
        if not self._has("retention"):
            return None
        return self.query("""SELECT to_char(nullif(retained_from, '-infinity') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                             FROM retention""")[0][0]

    def _read_events(self):
        rows = self.query("SELECT source, event_id, replace(event_key::text, '-', ''), data::text FROM processed_events")
        self.rows = [((source, name), digest, data) for source, name, digest, data in rows]
        self.stored = {key: data for key, _, data in self.rows}

    def _check_once(self):
        times = collections.Counter(key for key, _, _ in self.rows)
        twice = [key for key, count in times.items() if count > 1]
        self.verdict.doubled = len(self.rows) - len(times)
        if twice:
            self.verdict.say("I2", f"{len(twice)} events are stored twice", twice)
        wrong = [key for key, digest, _ in self.rows if digest != digest_of(key)]
        if wrong:
            self.verdict.say("I2", f"{len(wrong)} events are stored under a wrong key", wrong)
        for table in ("processed_events", "revenue_transactions"):
            rows = self.query(f"SELECT event_key, count(*) FROM {table} GROUP BY 1 HAVING count(*) > 1")
            if rows:
                self.verdict.say("I2", f"{len(rows)} keys stand twice in {table}", rows)
        both = [text for text in self.letters if key_of_text(text) in self.stored]
        if both:
            self.verdict.say("I2", f"{len(both)} events are stored and dead-lettered", both)

    def _check_nothing_lost(self):
        dead = {key for text in self.letters if (key := key_of_text(text))}
        lost = [key for key in self.record.accepted()
                if key not in self.stored and key not in dead and key not in self.excused and not self._expired(key)]
        self.verdict.lost = len(lost)
        if lost:
            self.verdict.say("I1", f"{len(lost)} accepted events are neither stored nor dead-lettered", lost)
        missing = [text for text, outcomes in self.record.corrupt.items()
                   if REJECTED in outcomes and text not in self.letters]
        if missing:
            self.verdict.say("I1", f"{len(missing)} rejected events are not dead-lettered", missing)

    def _expired(self, key):
        """Whether its day is behind what is retained."""
        return self.retained_from and json.loads(self.record.texts[key][0])["timestamp"] < self.retained_from

    def _check_nothing_invented(self):
        refused = [key for key, outcomes in self.record.outcomes.items() if outcomes == {REJECTED}]
        if refused:
            self.verdict.say("I3", f"{len(refused)} good events were refused", refused)
        taken = [text for text, outcomes in self.record.corrupt.items() if ACCEPTED in outcomes]
        if taken:
            self.verdict.say("I3", f"{len(taken)} corrupt events were accepted", taken)
        corrupt = [text for text in self.record.corrupt if key_of_text(text) in self.stored]
        if corrupt:
            self.verdict.say("I3", f"{len(corrupt)} corrupt events are stored", corrupt)
        forged = [key for key in self.stored if key not in self.record.texts]
        if forged:
            self.verdict.say("I3", f"{len(forged)} events are stored that were never sent", forged)
        changed = [data for key, data in self.stored.items() if data not in self.record.texts.get(key, [data])]
        if changed:
            self.verdict.say("I3", f"{len(changed)} events are stored otherwise than they were sent", changed)

    def _check_sums(self):
        keys, orphans, bare = self.query("""
            SELECT (SELECT count(*) FROM event_keys),
                   (SELECT count(*) FROM processed_events e LEFT JOIN event_keys k USING (event_key) WHERE k.event_key IS NULL),
                   (SELECT count(*) FROM event_keys k LEFT JOIN processed_events e USING (event_key) WHERE e.event_key IS NULL)
            """)[0]
        if orphans:
            self.verdict.say("I1", f"{orphans} events have no key in the register")
        if bare and not self.retained_from:
            self.verdict.say("I1", f"{bare} of {keys} keys in the register have no event")
        for source, stream in STREAMS.items():
            self._check_ledger(source, stream)

    def _check_ledger(self, source, stream):
        ledger = {(seq, at): (events, stored, rest) for seq, at, events, stored, rest in self.query(
            "SELECT seq, stored_at, events, stored, duplicates + dead + expired FROM ledger WHERE stream = %s", (stream,))}
        counts = {(message.seq, message.time): int(message.headers["Event-Count"]) for message in self.messages[source]}
        missing = [seq for seq, at in counts if (seq, at) not in ledger]
        if missing:
            self.verdict.say("I1", f"{len(missing)} messages of {stream} have no ledger row", missing)
        wrong = [(seq, ledger[seq, at][0], count) for (seq, at), count in counts.items()
                 if (seq, at) in ledger and ledger[seq, at][0] != count]
        if wrong:
            self.verdict.say("I1", f"{len(wrong)} ledger rows of {stream} count other events than their message has", wrong)
        uneven = [seq for (seq, _), (events, stored, rest) in ledger.items() if events != stored + rest]
        if uneven:
            self.verdict.say("I1", f"{len(uneven)} ledger rows of {stream} do not add up", uneven)
        self._check_ledger_total(source, stream, sum(stored for _, stored, _ in ledger.values()))

    def _check_ledger_total(self, source, stream, stored):
        if self._has("ledger_totals"):
            stored += self.query("SELECT coalesce(sum(stored), 0)::bigint FROM ledger_totals WHERE stream = %s", (stream,))[0][0]
        rows = sum(1 for key, _, _ in self.rows if key[0] == source)
        dropped = 0
        if self._has("dropped_events"):
            dropped = self.query("SELECT coalesce(sum(events), 0)::bigint FROM dropped_events WHERE source = %s", (source,))[0][0]
        if stored != rows + dropped:
            self.verdict.say("I1", f"the ledger of {stream} says {stored} events were stored, the tables hold {rows}"
                                   f" and {dropped} were dropped")


def key_of_text(text):
    try:
        return key_of(json.loads(text))
    except (ValueError, RecursionError):  # what no decoder takes, and what is deeper than this one takes
        return None


def read_messages(client, stream):
    """All of a stream; none where there is no such stream."""
    try:
        return client.messages(stream)
    except JetStreamError as error:
        if error.err_code == 10059:
            return []
        raise
