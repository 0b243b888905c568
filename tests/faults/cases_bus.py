"""nats-server dies, freezes, runs full or cannot be reached."""
import json
import os
import shutil
import threading
import time

from disks import fill
from harness.collector import consumer_state, delete_consumer
from harness.nats_client import JetStreamError
from harness.process import own
from harness.servers import NatsServer
from harness.wait import wait_for
from journal import ACCEPTED, Record, key_of, outcome_of
from oracle import STREAMS
from pipeline import counter, hold_for
from proxy import without_nats_acks
from registry import case

ANSWER_LIMIT = 5  # seconds until a 503, whatever NATS does
QUICK_PAUSE = 15
SLACK = 1.0  # of a machine that does other things too


@case(4, "kill -9 nats-server, 20 times", seconds=70)
def killed_often(world):
    world.start()
    load = world.begin_load(rate=40)
    for _ in range(20):
        load.wait_accepted(20)
        world.nats.kill9()
        load.wait_status(503)
        world.nats.start()
    world.healed()
    world.finish()
    check_answers(world)
    world.no_dead()
    world.conclude()


def check_answers(world):
    """Each comes in time, whatever NATS does."""
    world.answers_are_plain()
    if world.load.slowest() > ANSWER_LIMIT + SLACK:
        world.say("I5", f"an answer took {world.load.slowest():.1f} s")


@case(7, "SIGSTOP nats-server 60 s", seconds=85, quick=True)
def stopped(world):
    world.start()
    load = world.begin_load()
    slowest = [0]

    def look():
        started = time.monotonic()
        alive = world.gateway.get("/health/liveness", timeout=10).status_code
        slowest[0] = max(slowest[0], time.monotonic() - started)
        if alive != 200:
            world.say("I5", f"liveness answers {alive}")

    with world.frozen(world.nats.pid):
        load.wait_status(503)
        refused = load.count(503)
        hold_for(QUICK_PAUSE if world.quick else 60, look)
        if world.gateway.get("/health/readiness").status_code != 503:
            world.say("I5", "readiness does not say that NATS is away")
        if load.count(503) < refused + 20:
            world.say("I5", f"only {load.count(503) - refused} requests were answered: threads are stuck")
    if world.quick:
        world.note = f"stopped for {QUICK_PAUSE} s only"
    if slowest[0] > 2:
        world.say("I5", f"liveness took {slowest[0]:.1f} s")
    world.finish()
    check_answers(world)
    world.no_dead()
    world.conclude()


@case(10, "collectors stopped, a small MaxBytes, load goes on", seconds=45, quick=True)
def stream_full(world):
    world.start(env={"STREAM_MAX_BYTES": "2M"})
    load = world.begin_load(rate=60)
    world.drain()
    for role in world.collectors:
        role.terminate()
    load.wait_status(503, 10, seconds=90)
    with world.nats_client() as client:
        for stream in STREAMS.values():
            check_nothing_unprocessed_discarded(world, client, stream)
    if "stream_full" not in world.post([world.plan.event() for _ in range(20)])[1].get("code", ""):
        world.say("I1", "a full stream is not the reason that the gateway gives")
    for role in world.collectors:
        role.start()
    world.healed()
    # Requests that need both streams wait for the fuller one.
    world.finish(flow=1500)
    check_answers(world)
    world.no_dead()
    world.conclude()


def check_nothing_unprocessed_discarded(world, client, stream):
    consumers = client.api(f"CONSUMER.LIST.{stream}")["consumers"]
    first = client.stream_state(stream)["first_seq"]
    floor = min(consumer["ack_floor"]["stream_seq"] for consumer in consumers)
    if first > floor + 1:
        world.say("I1", f"{stream} begins at {first}, but only {floor} messages were processed")


@case(11, "NATS's filesystem is full", seconds=60)
def disk_full(world):
    server = world.server(NatsServer())
    store = world.on_small_disk(server, os.path.join(server.dir, "store"), "64m")
    server.start()
    world.start(nats=server)
    load = world.begin_load(rate=40)
    ballast = fill(store, leave=256 << 10)
    load.wait_status(503, 5, seconds=90)
    os.unlink(ballast)
    world.healed()
    try:
        load.wait_accepted(50, seconds=15)
        world.note = "it recovered as soon as there was room"
    except AssertionError:
        # nats-server 2.9 stops for good on a full disk: its supervisor has to start it again.
        server.kill9()
        server.start()
        world.healed()
        world.note = "nats-server had to be started again"
    world.finish()
    check_answers(world)
    world.no_dead()
    world.conclude()


@case(14, "packets between gateway and NATS vanish (no RST)", seconds=45)
def packets_vanish(world):
    world.start_servers()
    proxy, url = world.proxy_to(world.nats.url)
    for name in ("gateway", "fb-collector", "ttk-collector", "reporter"):
        world.add_role(name, **({"NATS_URL": url} if name == "gateway" else {})).wait_ready(60)
    load = world.begin_load()
    proxy.vanish()
    started = time.monotonic()
    load.wait_status(503)
    wait_for(lambda: not world.is_ready("gateway"), 60, "readiness to notice")
    if time.monotonic() - started > 15 + SLACK:
        world.say("I5", f"it took {time.monotonic() - started:.1f} s to notice")
    hold_for(max(0, 20 - (time.monotonic() - started)))
    proxy.heal()
    world.healed()
    world.finish()
    check_answers(world)
    world.conclude()


@case(16, "only acks are lost", seconds=40)
def only_acks_are_lost(world):
    losing = threading.Event()
    losing.set()
    world.start_servers()
    proxy, url = world.proxy_to(world.nats.url)
    proxy.up.filter = lambda: without_nats_acks(losing.is_set)
    for name in ("gateway", "fb-collector", "ttk-collector", "reporter"):
        world.add_role(name, **({"NATS_URL": url} if "collector" in name else {})).wait_ready(60)
    world.begin_load()
    for source in STREAMS:
        wait_for(lambda s=source: consumer_state(world.nats, s)["num_redelivered"] > 0, 60, "messages to come again")
        floor = consumer_state(world.nats, source)["ack_floor"]["stream_seq"]
        if floor:
            world.say("I5", f"{floor} acks came through: the case proved nothing")
    wait_for(lambda: all(counter(role, "messages_seen") for role in world.collectors),
             60, "messages that were seen before")
    losing.clear()
    world.healed()
    world.finish()
    world.no_dead()
    world.conclude()


@case(17, "200 ms delay and one-byte segments", seconds=60)
def slow_network(world):
    world.start_servers()
    to_nats, nats_url = world.proxy_to(world.nats.url)
    to_postgres, database_url = world.proxy_to(world.database.url)
    for name in ("gateway", "fb-collector", "ttk-collector", "reporter"):
        world.add_role(name, NATS_URL=nats_url, DATABASE_URL=database_url).wait_ready(60)
    load = world.begin_load(rate=4, again=1.0)
    for proxy in (to_nats, to_postgres):
        proxy.slow(0.2, segment=1)
    load.wait_accepted(150, 120)
    stored = world.stored()
    wait_for(lambda: world.stored() > stored + 100, 60, "events to be stored all the same")
    for proxy in (to_nats, to_postgres):
        proxy.heal()
    world.healed()
    world.finish()
    world.no_request_failed()
    world.no_dead()
    world.conclude()


@case(25, "the durable consumer is deleted: the whole stream comes again", seconds=25, quick=True)
def consumer_deleted(world):
    world.start()
    load = world.begin_load(warm=600)
    world.drain(60)
    for source in STREAMS:
        delete_consumer(world.nats, source)
    world.healed()
    load.wait_accepted(200)
    world.finish()
    for role in world.collectors:
        if counter(role, "messages_seen") < 20:
            world.say("I2", f"{role.name} saw hardly a message again: the case proved nothing")
    world.no_dead()
    world.conclude()


@case(44, "a stream is deleted and created again under load", seconds=30)
def stream_deleted(world):
    world.start()
    load = world.begin_load(warm=400)
    for _ in range(2):
        with world.nats_client() as client:
            try:
                client.api("STREAM.DELETE.FACEBOOK_EVENTS")
            except JetStreamError as error:
                if error.err_code != 10050:  # it tells of files that are still written; the stream is gone
                    raise
        with load.lock:
            last = load.number
        world.healed()
        wait_for(lambda: world.nats_client().stream_state("FACEBOOK_EVENTS")["last_seq"] > 3, 60, "the stream to be back")
        load.wait_accepted(300)
    world.recover()
    world.finish(excused=sent_until(world, last))
    world.no_dead()
    world.conclude()


def sent_until(world, last):
    """Facebook's events that were accepted only by requests up to that one: they may have been in the stream."""
    world.load.stop()
    record = Record(world.folder / "journal")
    later = set()
    for number, entry in record.sends.items():
        if number > last:
            later |= {key_of(json.loads(text)) for i, text in enumerate(entry["events"])
                      if outcome_of(record.answers.get(number), i) == ACCEPTED}
    return {key for key in record.accepted() - later if key[0] == "facebook"}


@case(45, "JetStream restored from an older snapshot of its store", seconds=35)
def restored_from_a_snapshot(world):
    world.start()
    load = world.begin_load(warm=300, bad=0)
    store = os.path.join(world.nats.dir, "store")
    world.nats.stop()
    shutil.copytree(store, store + "-old")
    world.nats.start()
    load.wait_accepted(500)
    load.pause()
    world.drain()  # what the database has not seen goes with the newer store
    world.nats.stop()
    shutil.rmtree(store)
    own_tree(store + "-old")
    os.rename(store + "-old", store)
    load.go_on()
    world.nats.start()
    world.healed()
    load.wait_accepted(500)
    world.finish()
    world.no_dead()
    world.conclude()


def own_tree(folder):
    own(folder)
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            own(os.path.join(path, name))
