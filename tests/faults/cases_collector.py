"""Collectors that die or freeze at the worst moment, and messages that are hard to store."""
import json
import signal

import processes
from harness.collector import Publisher, consumer_state, context_line, drained
from harness.events import facebook_event
from harness.wait import wait_for
from load import dumps
from oracle import STREAMS
from pipeline import counter
from registry import case

SMALL = {"BATCH_MAX_EVENTS": 100}


def die_at(world, point, deaths):
    """Each collector dies at a failpoint that often, and is started again as a supervisor does."""
    per_role = {name: {**SMALL, "SLUICE_FAILPOINT": f"{point}:3"} for name in ("fb-collector", "ttk-collector")}
    world.start(per_role=per_role)
    world.begin_load(rate=40)
    for _ in range(deaths):
        for role in world.collectors:
            wait_for(lambda r=role: r.returncode is not None, 60, f"{role.name} to die")
            if role.returncode != -signal.SIGKILL:
                world.say("I5", f"{role.name} ended with {role.returncode}")
            role.start()
    for role in world.collectors:
        wait_for(lambda r=role: r.returncode is not None, 60, f"{role.name} to die")
        del role.env["SLUICE_FAILPOINT"]
        role.start()
    world.healed()
    world.baseline = {name: values for name, values in world.baseline.items() if "collector" not in name}


@case(2, "kill -9 a collector after COMMIT, before the ack", seconds=25, quick=True)
def killed_after_commit(world):
    die_at(world, "collector.after_commit", 3)
    world.finish()
    for role in world.collectors:
        if not counter(role, "messages_seen"):
            world.say("I2", f"{role.name} saw no message again: the case proved nothing")
    world.no_dead()
    world.conclude()


@case(3, "kill -9 a collector between two statements", seconds=35)
def killed_between_statements(world):
    die_at(world, "writer.after_keys", 2)
    for role in world.collectors:
        role.terminate()
        role.env["SLUICE_FAILPOINT"] = "writer.before_commit:3"
        role.start()
    for role in world.collectors:
        wait_for(lambda r=role: r.returncode is not None, 60, f"{role.name} to die")
        del role.env["SLUICE_FAILPOINT"]
        role.start()
    world.healed()
    world.finish()
    world.no_dead()
    world.conclude()


@case(8, "SIGSTOP a collector longer than ack_wait, resume", seconds=30)
def frozen_longer_than_ack_wait(world):
    freezing = {"SLUICE_FAILPOINT": "stop:writer.after_keys:4"}
    world.start(env=SMALL, per_role={"fb-collector": freezing, "ttk-collector": freezing})
    frozen = world.collectors
    world.begin_load(rate=40)
    for role in frozen:
        wait_for(lambda r=role: processes.is_stopped(r.pid), 60, f"{role.name} to freeze in its transaction")
    held = {source: consumer_state(world.nats, source)["delivered"]["stream_seq"] for source in STREAMS}
    for name in ("fb-collector", "ttk-collector"):
        world.add_role(name, label=f"{name} 2").wait_ready()
    for source, seq in held.items():
        wait_for(lambda s=source, q=seq: consumer_state(world.nats, s)["ack_floor"]["stream_seq"] >= q, 60,
                 "the others to have stored what the frozen ones hold")
    for role in frozen:
        role.signal(signal.SIGCONT)
    world.healed()
    world.finish()
    world.no_dead()
    world.conclude()


@case(23, "each event three times, shuffled, across the duplicate window", seconds=30)
def each_event_three_times(world):
    world.start(env={"DUPLICATE_WINDOW": "1s", **SMALL})
    world.begin_load(rate=30, warm=300)
    world.load.stop()
    first = list(world.plan.sent)
    for _ in range(2):
        world.plan.rng.shuffle(first)
        for at in range(0, len(first), 25):
            world.accept(first[at:at + 25])
    # The very same request, inside the window and behind it: nats-server knows the first, the database the second.
    wait_for(lambda: world.post(first[:1], many=True)[1].get("duplicates") == 1, 20, "a request to be inside the window")
    wait_for(lambda: world.post(first[:1], many=True)[1].get("duplicates") == 0, 20, "a request to be behind it")
    world.finish()
    duplicates = world.query("SELECT sum(duplicates)::int, sum(conflicts)::int FROM ledger")[0]
    if duplicates[0] < 2 * len(set(first)) or duplicates[1]:
        world.say("I2", f"the ledger counts {duplicates[0]} duplicates and {duplicates[1]} conflicts of {len(first)} events")
    world.conclude()


@case(24, "same id, another payload: the first wins, and it is counted", seconds=20, quick=True)
def same_id_another_payload(world):
    world.start()
    world.begin_load()
    firsts = [world.plan.event() for _ in range(40)]
    for event in firsts:
        world.accept([event])
    keys = [(event["source"], event["eventId"]) for event in firsts]
    wait_for(lambda: stored_ids(world) >= {name for _, name in keys}, 30, "the first ones to be stored")
    others = [{**event, "eventType": "comment", "timestamp": "2026-01-01T00:00:00Z"} for event in firsts]
    world.accept(others)
    spaced = [json.dumps(event, separators=(" , ", ": ")) for event in firsts]  # the same but for white space
    for text in spaced:
        world.accept([text])
    world.finish()
    stored = dict(world.query("SELECT event_id, data::text FROM processed_events"))
    replaced = [event["eventId"] for event in firsts if stored[event["eventId"]] != dumps(event)]
    if replaced:
        world.say("I3", f"{len(replaced)} events were replaced by later ones with their id")
    conflicts = world.query("SELECT sum(conflicts)::int FROM ledger")[0][0]
    if conflicts != len(firsts):
        world.say("I1", f"{conflicts} conflicts are counted, there were {len(firsts)}")
    world.conclude()


def stored_ids(world):
    return {row[0] for row in world.query("SELECT event_id FROM processed_events")}


@case(26, "8 collectors, 10 hot users and campaigns", seconds=35, quick=True)
def hot_users_and_campaigns(world):
    world.start(env={"WRITERS": 2, "BATCH_MAX_EVENTS": 200})
    for name in ("fb-collector", "ttk-collector"):
        for number in range(2, 5):
            world.add_role(name, label=f"{name} {number}").wait_ready()
    before = deadlocks(world)
    world.begin_load(rate=120, threads=6, users=10, campaigns=10, warm=600)
    world.load.wait_accepted(5000, 120)
    world.healed()
    world.finish()
    if deadlocks(world) != before:
        world.say("I5", f"PostgreSQL had to break {deadlocks(world) - before} deadlocks")
    working = [role for role in world.collectors if counter(role, "events_processed")]
    if len(working) < 4:
        world.say("I5", f"only {len(working)} of 8 collectors stored anything: the case proved little")
    world.no_dead()
    world.conclude()


def deadlocks(world):
    return world.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]


@case(27, "one poison event among 1,000 in a message", seconds=20, quick=True)
def one_poison_event(world):
    """The gateway lets none through, so the message is put into the stream by hand: one event that no decoder takes, and
    one that only the database refuses."""
    world.start()
    world.begin_load()
    world.database.execute("ALTER TABLE processed_events ADD CONSTRAINT refused CHECK (event_id NOT LIKE 'refused-%%')")
    good = [dumps(facebook_event(eventId=f"good-{i}")) for i in range(999)]
    broken = '{"eventId":"broken","source":"facebook"}'
    refused = dumps(facebook_event(eventId="refused-1"))
    with Publisher(world.nats) as publisher:
        for poison, batch in ((broken, good[:999]), (refused, [text.replace("good-", "fine-") for text in good])):
            journal(world, batch, poison)
            publisher.send(batch[:500] + [poison] + batch[500:])
    world.healed()
    world.finish()
    letters = [m for m in world.letters() if m.payload.decode() in (broken, refused)]
    reasons = sorted(m.headers["Dlq-Reason"] for m in letters)
    if len(letters) != 2 or "database_refused" not in reasons:
        world.say("I1", f"the poison events became {reasons}")
    ledger = world.query("SELECT stored, dead FROM ledger WHERE events = 1000 ORDER BY seq")
    if ledger != [(999, 1), (999, 1)]:
        world.say("I1", f"of two messages with one poison event among 1,000 the ledger says {ledger}")
    world.conclude()


def journal(world, good, poison=None):
    """Events that were put into the stream beside the gateway count as accepted."""
    texts = [*good, *([poison] if poison else [])]
    bad = [len(good)] if poison else []
    world.load.settle(world.load.announce(texts, bad), 200, bad)


@case(28, "a message that can never be stored, 10,000 others behind it", seconds=40)
def a_message_that_never_passes(world):
    """Its dead letter cannot be written, because the dead-letter stream is full: it comes again and again."""
    world.start()
    world.begin_load(bad=0)
    with world.nats_client() as client:
        config = client.api("STREAM.INFO.EVENTS_DLQ")["config"]
        client.js_publish("dlq.unknown", b"occupied")
        client.api("STREAM.UPDATE.EVENTS_DLQ", {**config, "max_msgs": 1})
        stuck = '{"eventId":"stuck"}'
        others = [dumps(facebook_event(eventId=f"behind-{i}")) for i in range(10_000)]
        with Publisher(world.nats) as publisher:
            publisher.raw(context_line(1) + "\n" + stuck + "\n", 1)
            journal(world, others)
            publisher.send_in_messages(others, 1000)
        wait_for(lambda: len([x for x in stored_ids(world) if x.startswith("behind-")]) == 10_000, 60,
                 "those behind it to be stored")
        if drained(world.nats):
            world.say("I1", "the message that cannot be stored is gone")
        client.api("STREAM.UPDATE.EVENTS_DLQ", config)
    world.healed()
    world.finish()
    if stuck not in {m.payload.decode() for m in world.letters()}:
        world.say("I1", "the event whose dead letter had no room is not dead-lettered now")
    world.conclude()
