"""Old data goes while new data comes: retention, the trimming of streams, and the death of a server that trims."""
from harness.wait import wait_for
from oracle import STREAMS
from registry import case


def first_seqs(world):
    with world.nats_client() as client:
        return {stream: client.stream_state(stream)["first_seq"] for stream in STREAMS.values()}


@case(43, "retention drops partitions and the stream ages out during load", seconds=50)
def retention_during_load(world):
    """Days are stored first, then RETENTION_DAYS makes most of them old: late events of theirs go on coming."""
    world.start()
    load = world.begin_load(span_hours=120, rate=40, warm=800)
    wait_for(lambda: len(days(world)) >= 5, 30, "events of several days to be stored")
    for role in world.collectors:
        role.terminate()
        role.env.update(RETENTION_DAYS="1", UPKEEP_INTERVAL="1s", REPLAY_WINDOW="3s")
        role.start()
    wait_for(lambda: world.query("SELECT to_regclass('dropped_events')")[0][0], 30, "tables for retention")
    wait_for(lambda: world.query("SELECT count(*) FROM dropped_events WHERE events > 0")[0][0] >= 4, 60, "days to be dropped")
    wait_for(lambda: min(first_seqs(world).values()) > 5, 60, "the streams to be trimmed")
    wait_for(lambda: world.query("SELECT sum(expired) FROM ledger")[0][0] > 20, 60, "late events to expire")
    world.healed()
    # Probes may be of a day that is gone.
    world.plan.span_hours = 12
    load.wait_accepted(200)
    load.stop()
    wait_for(lambda: not world.query("SELECT FROM revenue_transactions WHERE timestamp < (SELECT retained_from FROM retention)"
                                     " LIMIT 1"), 60, "revenue of dropped days to go")
    world.finish()
    if len(days(world)) > 4:  # tomorrow among them
        world.say("I4", f"days that are old are still there: {days(world)}")
    world.no_dead()
    world.conclude()


def days(world):
    return sorted(row[0] for row in world.query("SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
                                                " WHERE inhparent = 'processed_events'::regclass"))


@case(46, "nats-server killed while the processed part of a stream is trimmed", seconds=70)
def killed_while_trimming(world):
    world.start(env={"STREAM_MAX_BYTES": "4M", "REPLAY_WINDOW": "2s", "UPKEEP_INTERVAL": "1s"})
    load = world.begin_load(rate=60)
    for _ in range(6):
        before = first_seqs(world)
        wait_for(lambda b=before: any(first_seqs(world)[name] > seq for name, seq in b.items()), 60, "a stream to be trimmed")
        world.nats.kill9()  # purged messages are still being removed from the files
        load.wait_status(503)
        world.nats.start()
        load.wait_accepted(50)
    world.healed()
    world.finish()
    world.no_dead()
    world.conclude()
