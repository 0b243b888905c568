"""sluice dlq: what was rejected can be looked at, brought back and deleted, and nothing of it harms a terminal."""
import json
import os
import pty
import subprocess
import time

import pytest

from harness.binary import sluice_binary
from harness.collector import SOURCES, dead_letters, drained, purge
from harness.events import facebook_event, tiktok_event, timestamp
from harness.roles import clean_environment
from harness.stack import Stack
from harness.wait import wait_for

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202eevil\u202c \u009b2J \"quoted\" \\ \x7f"


def dlq(nats, *arguments, env=None, status=0):
    done = subprocess.run([sluice_binary(), "dlq", *arguments], capture_output=True, timeout=120, check=False, cwd="/",
                          env=clean_environment({"NATS_URL": nats.url, **(env or {})}))
    done.out, done.err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    assert "Sanitizer" not in done.err and "runtime error" not in done.err, done.err
    assert status is None or done.returncode == status, (done.returncode, done.out, done.err)
    return done


def ls(nats, *arguments):
    return json.loads(dlq(nats, "ls", "--json", *arguments).out)


def sequences(nats, *arguments):
    return [letter["seq"] for letter in ls(nats, *arguments)["letters"]]


@pytest.fixture(scope="module", autouse=True)
def streams(nats):
    def made():
        done = subprocess.run([sluice_binary(), "init"], env=clean_environment({"NATS_URL": nats.url}), timeout=60, check=False,
                              capture_output=True)
        return done.returncode == 0

    wait_for(made, 30, "the streams")


@pytest.fixture(autouse=True)
def empty(nats):
    purge(nats, "EVENTS_DLQ", "EVENTS_UNREADABLE", "FACEBOOK_EVENTS", "TIKTOK_EVENTS")


def bury(nats, payload, source="facebook", reason="missing_field", subject=None, **headers):
    """A dead letter as the services write it; the sequence that it got."""
    payload = payload if isinstance(payload, bytes) else (payload if isinstance(payload, str) else json.dumps(payload)).encode()
    found = {"Dlq-Reason": reason, "Dlq-Detail": "expected a string", "Dlq-Pointer": "/eventId",
             "Dlq-Correlation-Id": "corr-1", "Dlq-Origin": "gateway", "Dlq-Index": "0",
             "Dlq-Received-At": timestamp(), "Dlq-Original-Bytes": str(len(payload))}
    found.update({"Dlq-" + name.replace("_", "-").title(): value for name, value in headers.items()})
    with nats.client() as client:
        return client.js_publish(subject or f"dlq.{source}", payload, found)["seq"]


def stored_lines(nats, source="facebook"):
    """Event lines of a source's stream, as they were published."""
    return [line for message in nats.messages(SOURCES[source][1]) for line in message.payload.split(b"\n")[1:] if line]


def assert_safe(text):
    """Nothing but printable characters and line feeds."""
    assert all(c == "\n" or (c.isprintable() and not "\udc80" <= c <= "\udcff") for c in text), repr(text)


# ---- ls and show ----

def test_ls(nats):
    seqs = [bury(nats, facebook_event()), bury(nats, tiktok_event(), "tiktok", "wrong_type", correlation_id="corr-2"),
            bury(nats, "{}", "unknown", "missing_field", pointer="")]
    out = ls(nats)
    assert [letter["seq"] for letter in out["letters"]] == seqs and out["total"] == 3
    assert out["byReason"] == {"missing_field": 2, "wrong_type": 1}
    assert out["bySource"] == {"facebook": 1, "tiktok": 1, "unknown": 1}
    letter = out["letters"][1]
    assert (letter["source"], letter["reason"], letter["pointer"], letter["correlationId"], letter["origin"], letter["index"]) == (
        "tiktok", "wrong_type", "/eventId", "corr-2", "gateway", 0)
    assert letter["bytes"] > 100 and letter["detail"] == "expected a string" and letter["rejectedAt"].endswith("Z")
    text = dlq(nats, "ls").out
    lines = text.splitlines()
    assert lines[0].split() == ["SEQ", "TIME", "SOURCE", "REASON", "POINTER", "CORRELATION", "ID", "BYTES", "DETAIL"]
    assert "3 dead letters of EVENTS_DLQ" in text and "by reason: missing_field 2, wrong_type 1" in text
    assert len(lines) == 1 + 3 + 1 + 3


def test_ls_of_nothing(nats):
    assert "0 dead letters of EVENTS_DLQ" in dlq(nats, "ls").out
    assert ls(nats) == {"stream": "EVENTS_DLQ", "total": 0, "byReason": {}, "bySource": {}, "letters": []}


def test_filters(nats):
    first = bury(nats, "{}", "facebook", "missing_field", correlation_id="a")
    between = timestamp()
    second = bury(nats, "{}", "tiktok", "missing_field", correlation_id="b")
    third = bury(nats, "{}", "facebook", "wrong_type", correlation_id="b")
    for flags, wanted in [
        (["--reason", "missing_field"], [first, second]),
        (["--source", "facebook"], [first, third]),
        (["--source", "unknown"], []),
        (["--correlation-id", "b"], [second, third]),
        (["--correlation-id", "b", "--source", "tiktok"], [second]),
        (["--since", between], [second, third]),
        (["--until", between], [first]),
        (["--since", "1h"], [first, second, third]),
        (["--until", "1h"], []),
        (["--limit", "2"], [second, third]),
    ]:
        assert sequences(nats, *flags) == wanted, flags
    assert ls(nats, "--limit", "2")["total"] == 3


def test_many(nats):
    """More than one pull brings, and all counted."""
    with nats.client() as client:
        for i in range(6000):
            client.publish("dlq.facebook", b"{}", {"Dlq-Reason": f"reason_{i % 70:02}"})
        client.api("STREAM.INFO.EVENTS_DLQ")
    out = ls(nats, "--limit", "10000")
    assert out["total"] == 6000 and len(out["letters"]) == 6000
    assert sum(out["byReason"].values()) == 6000 and "others" in out["byReason"]


def test_unreadable(nats):
    seq = bury(nats, b"\xff\xfe{not json", reason="invalid_json", subject="unreadable.body", pointer="")
    out = ls(nats, "--unreadable")
    assert out["stream"] == "EVENTS_UNREADABLE" and out["letters"][0]["source"] is None
    assert "\\xff\\xfe{" in dlq(nats, "show", str(seq), "--unreadable").out
    assert dlq(nats, "show", str(seq), "--unreadable", "--raw").stdout == b"\xff\xfe{not json"
    done = dlq(nats, "requeue", "--unreadable", status=2)
    assert "cannot become an event" in done.err


def test_show(nats):
    event = facebook_event()
    seq = bury(nats, event)
    text = dlq(nats, "show", str(seq)).out
    shown, _, body = text.partition("\n\n")
    assert f"sequence        {seq}\n" in shown and "reason          missing_field\n" in shown
    assert "correlation id  corr-1\n" in shown and "origin          gateway\n" in shown
    assert json.loads(body) == event and body.count("\n") > 10
    assert dlq(nats, "show", str(seq), "--raw").out == json.dumps(event)
    out = json.loads(dlq(nats, "show", str(seq), "--json").out)
    assert out["payload"] == json.dumps(event) and out["cut"] is False
    done = dlq(nats, "show", str(seq + 1), status=1)
    assert f"no dead letter {seq + 1}" in done.err


def test_hostile_contents_are_harmless(nats):
    payload = b'{"eventId":"' + HOSTILE.replace("\\", "\\\\").replace('"', '\\"').encode() + b'","x":"\x00\xff\xc2\x9b"}'
    seq = bury(nats, payload, reason=HOSTILE, detail=HOSTILE, pointer="/" + HOSTILE, correlation_id=HOSTILE)
    for arguments in (["ls"], ["show", str(seq)], ["purge"], ["requeue"]):
        assert_safe(dlq(nats, *arguments).out)
    text = dlq(nats, "show", str(seq)).out
    assert "\\x1b[31mred" in text and "\\u202e" in text and "\\x9b" in text and "\\x00\\xff\\x9b" in text
    assert ls(nats)["letters"][0]["detail"] == HOSTILE
    assert dlq(nats, "show", str(seq), "--raw").stdout == payload


def test_raw_is_not_for_terminals(nats):
    seq = bury(nats, "{}")
    master, slave = pty.openpty()
    with os.fdopen(slave, "wb") as terminal, os.fdopen(master, "rb"):
        done = subprocess.run([sluice_binary(), "dlq", "show", str(seq), "--raw"], stdout=terminal, stderr=subprocess.PIPE,
                              timeout=60, check=False, env=clean_environment({"NATS_URL": nats.url}), cwd="/")
    assert done.returncode == 1 and b"not to a terminal" in done.stderr


@pytest.mark.parametrize("payload", [b"[" * 500000, b'"' + b"\\" * 500001, b"{" + b"," * 500000, b"\n" * 500000, b""],
                         ids=["brackets", "backslashes", "commas", "line-feeds", "nothing"])
def test_show_of_large_nonsense(nats, payload):
    seq = bury(nats, payload)
    assert_safe(dlq(nats, "show", str(seq)).out)


def test_bad_command_lines(nats):
    for arguments, says in [
        ([], "takes ls, show, requeue or purge"),
        (["list"], "'list': takes ls, show"),
        (["ls", "7"], "ls takes flags only"),
        (["show"], "show takes the sequence"),
        (["show", "x"], "show takes the sequence"),
        (["show", "0"], "show takes the sequence"),
        (["ls", "--yes"], "--yes: not for ls"),
        (["purge", "--json"], "--json: not for purge"),
        (["ls", "--since", "yesterday"], "--since=yesterday: takes a time"),
        (["ls", "--limit", "0"], "--limit=0: takes a whole number"),
        (["ls", "--source", "myspace"], "--source=myspace: takes a source"),
        (["ls", "--unreadable", "--source", "facebook"], "--source: the source of an unreadable body"),
        (["requeue", "--event-max-bytes", "1M"], "--event-max-bytes=1M: takes a size"),
    ]:
        done = dlq(nats, *arguments, status=2)
        assert says in done.err and done.err.startswith("sluice dlq: ") and done.err.count("\n") == 1, (arguments, done.err)
    assert "sluice dlq ls|show SEQ|requeue|purge" in dlq(nats, "--help").out


def test_no_server(nats):
    done = dlq(nats, "ls", env={"NATS_URL": "nats://127.0.0.1:9"}, status=1)
    assert "the NATS server does not answer" in done.err and done.err.count("\n") == 1
    done = dlq(nats, "ls", "--data", "/nonexistent", status=1)
    assert "no stack runs in" in done.err


# ---- requeue ----

def test_requeue_only_after_yes(nats):
    seq = bury(nats, facebook_event())
    text = dlq(nats, "requeue").out
    assert "1 dead letters of EVENTS_DLQ hold valid events" in text and "add --yes" in text and "by source: facebook 1" in text
    assert sequences(nats) == [seq] and not stored_lines(nats)


def test_requeue(nats):
    good = facebook_event()
    pretty = json.dumps(tiktok_event(), indent=2)
    seq = bury(nats, good, correlation_id="corr-9", received_at="2026-01-31T12:00:00Z")
    bury(nats, pretty.replace("\n", "\r\n"), "tiktok", correlation_id="x" * 129)
    bad = bury(nats, facebook_event(**{"data.user.age": "old"}))
    text = dlq(nats, "requeue", "--yes").out
    assert "2 requeued" in text and f"  {bad}: /data/user/age: expected a number" in text
    [message] = nats.messages("FACEBOOK_EVENTS")
    context, line = message.payload.split(b"\n")[:2]
    assert json.loads(context) == {"correlationId": "corr-9", "receivedAt": "2026-01-31T12:00:00.000Z", "count": 1}
    assert line == json.dumps(good).encode() and message.subject == "events.facebook.top"
    assert message.headers["Event-Count"] == "1" and message.headers["Nats-Msg-Id"].startswith(f"requeue/{seq}/")
    [line] = stored_lines(nats, "tiktok")
    assert json.loads(line) == json.loads(pretty)
    assert sequences(nats) == [bad]
    text = dlq(nats, "requeue", "--yes").out
    assert "0 dead letters" in text and "1 stay" in text
    assert sequences(nats) == [bad]


def test_requeue_of_what_was_cut(nats):
    seq = bury(nats, facebook_event(), original_bytes="600000")
    assert f"{seq}: too large to be kept whole" in dlq(nats, "requeue", "--yes").out
    assert sequences(nats) == [seq]


def test_requeue_with_filters_and_limit(nats):
    letters = [bury(nats, facebook_event(), correlation_id="ab"[i % 2]) for i in range(6)]
    assert "2 requeued" in dlq(nats, "requeue", "--yes", "--correlation-id", "a", "--limit", "2").out
    assert sequences(nats) == [seq for seq in letters if seq not in (letters[0], letters[2])]


def test_a_limit_is_not_used_up_by_what_stays(nats):
    bad = [bury(nats, "{}") for _ in range(3)]
    bury(nats, facebook_event())
    assert "1 requeued" in dlq(nats, "requeue", "--yes", "--limit", "1").out
    assert sequences(nats) == bad


def test_requeue_of_large_events(nats):
    event = facebook_event(**{"data.engagement.note": "x" * 150000})
    seq = bury(nats, event)
    assert "expected at most" in dlq(nats, "requeue").out
    assert "1 requeued" in dlq(nats, "requeue", "--yes", "--event-max-bytes", "200K").out
    assert len(stored_lines(nats)) == 1 and seq not in sequences(nats)


def test_requeue_into_a_full_stream(nats):
    seqs = [bury(nats, facebook_event()) for _ in range(3)]
    with nats.client() as client:
        config = client.api("STREAM.INFO.FACEBOOK_EVENTS")["config"]
        client.api("STREAM.UPDATE.FACEBOOK_EVENTS", {**config, "max_bytes": 100})
        try:
            done = dlq(nats, "requeue", "--yes", status=1)
        finally:
            client.api("STREAM.UPDATE.FACEBOOK_EVENTS", config)
    assert f"did not take the event of dead letter {seqs[0]}: maximum bytes exceeded" in done.err
    assert "0 requeued; the rest is still there" in done.out
    assert sequences(nats) == seqs
    assert "3 requeued" in dlq(nats, "requeue", "--yes").out


class ShortWindow:
    """Duplicates of a stream are forgotten soon, so that the database has to see them."""

    SECONDS = 0.2

    def __init__(self, nats, stream):
        self.nats = nats
        self.stream = stream

    def update(self, config):
        with self.nats.client() as client:
            client.api(f"STREAM.UPDATE.{self.stream}", config)

    def __enter__(self):
        with self.nats.client() as client:
            self.config = client.api(f"STREAM.INFO.{self.stream}")["config"]
        self.update({**self.config, "duplicate_window": int(self.SECONDS * 1e9)})
        return self

    def __exit__(self, *_):
        self.update(self.config)

    def wait_over(self):
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() > begin + 5 * self.SECONDS, 30, "the window to be over")


@pytest.mark.parametrize("place,left", [("after_publish", 26), ("after_delete", 25)])
def test_killed_half_way_and_run_again(nats, database, start_role, place, left):
    """In the end each event is stored once, whatever the killed run had done."""
    events = [facebook_event() for _ in range(40)]
    for event in events:
        bury(nats, event)
    start_role("fb-collector").wait_ready()
    before = database.value("SELECT count(*) FROM processed_events")
    with ShortWindow(nats, "FACEBOOK_EVENTS") as window:
        done = dlq(nats, "requeue", "--yes", env={"SLUICE_FAILPOINT": f"dlq.{place}:15"}, status=None)
        assert done.returncode == -9 and len(sequences(nats)) == left
        window.wait_over()
        assert f"{left} requeued" in dlq(nats, "requeue", "--yes").out
    assert sequences(nats) == []
    assert len(stored_lines(nats)) == 40 + (place == "after_publish")
    wait_for(lambda: drained(nats), 60, "the stream to be worked off")
    assert database.value("SELECT count(*) FROM processed_events") == before + 40
    assert not dead_letters(nats)


def test_what_strict_validation_rejected_comes_back(nats, database, start_role):
    """Rejected by a strict gateway, valid for the collectors: stored exactly once."""
    gateway = start_role("gateway", env={"VALIDATION": "strict"}).wait_ready()
    event = facebook_event(**{"data.engagement.referrer": "somewhere else"})
    start_role("fb-collector").wait_ready()
    before = database.value("SELECT count(*) FROM processed_events")
    answer = gateway.post("/webhook/events", event, headers={"X-Correlation-Id": "strict-1"})
    assert answer.status_code == 400, answer.text
    assert [letter["correlationId"] for letter in ls(nats)["letters"]] == ["strict-1"]
    assert "1 requeued" in dlq(nats, "requeue", "--yes", "--correlation-id", "strict-1").out
    assert "0 dead letters" in dlq(nats, "requeue", "--yes").out
    wait_for(lambda: drained(nats) and database.value("SELECT count(*) FROM processed_events") == before + 1, 60, "the event")
    assert database.value("SELECT correlation_id FROM processed_events ORDER BY received_at DESC LIMIT 1") == "strict-1"


# ---- purge ----

def test_purge(nats):
    old = [bury(nats, "{}", reason="missing_field") for _ in range(3)]
    kept = bury(nats, "{}", "tiktok", reason="wrong_type")
    text = dlq(nats, "purge", "--reason", "missing_field").out
    assert "3 dead letters of EVENTS_DLQ would be deleted" in text and "add --yes" in text and "by source: facebook 3" in text
    assert sequences(nats) == [*old, kept]
    assert "3 deleted" in dlq(nats, "purge", "--reason", "missing_field", "--yes").out
    assert sequences(nats) == [kept]
    assert "0 dead letters" in dlq(nats, "purge", "--reason", "missing_field", "--yes").out
    assert "1 deleted" in dlq(nats, "purge", "--yes").out
    assert sequences(nats) == []


def test_purge_of_unreadable_bodies_with_a_limit(nats):
    seqs = [bury(nats, b"\xff" * 512 * 1024, subject="unreadable.body", original_bytes="600000") for _ in range(3)]
    assert "cut" not in dlq(nats, "ls", "--unreadable").out
    assert "of which the first 524288 are kept" in dlq(nats, "show", str(seqs[0]), "--unreadable").out
    assert "2 deleted" in dlq(nats, "purge", "--unreadable", "--limit", "2", "--yes").out
    assert sequences(nats, "--unreadable") == seqs[2:]


def test_purge_killed_half_way(nats):
    for _ in range(20):
        bury(nats, "{}")
    assert dlq(nats, "purge", "--yes", env={"SLUICE_FAILPOINT": "dlq.after_delete:7"}, status=None).returncode == -9
    assert ls(nats)["total"] == 13
    assert "13 deleted" in dlq(nats, "purge", "--yes").out


# ---- a whole stack ----

def test_of_a_running_stack(nats):
    stack = Stack()
    try:
        stack.up()
        assert stack.post([facebook_event(eventId=...), facebook_event()]).status_code == 200
        out = ls(nats, "--data", str(stack.data))
        assert out["total"] == 1 and out["byReason"] == {"missing_field": 1}
        assert ls(nats)["total"] == 0  # NATS_URL names another server
    finally:
        stack.remove()
