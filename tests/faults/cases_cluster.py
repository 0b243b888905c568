"""More than one server of a kind: nodes of a NATS cluster die, PostgreSQL fails over."""
import datetime
import subprocess

from harness.binary import sluice_binary
from harness.clusters import FailoverDatabase, NatsCluster, make_standby
from harness.servers import PostgresServer
from harness.wait import wait_for
from journal import Record
from pipeline import Failed, hold_for
from registry import case


def start_on_cluster(world):
    """The sizes of streams are set, as docs/durability.md asks for: left to themselves roles try sizes until all fit, and a
    node of nats-server 2.9.10 that starts again does not survive the memory of those that did not."""
    cluster = NatsCluster()
    for server in cluster.servers:
        world.server(server)
    world.start(env={"STREAM_REPLICAS": 3}, nats=cluster)
    with world.nats_client() as client:
        replicas = client.api("STREAM.INFO.FACEBOOK_EVENTS")["config"]["num_replicas"]
    if replicas != 3:
        raise Failed(f"the stream has {replicas} replicas")
    return cluster


@case(18, "three NATS nodes, R3: the leader is killed every 10 s", seconds=70)
def leaders_killed(world):
    cluster = start_on_cluster(world)
    load = world.begin_load()
    for _ in range(3):
        leader = wait_for(lambda: cluster.leader_of("FACEBOOK_EVENTS"), 30, "the stream to have a leader")
        leader.kill9()
        hold_for(5)
        leader.start()
        hold_for(5)
        load.wait_accepted(100)
    world.healed()
    world.finish()
    world.answers_are_plain()
    world.no_dead()
    world.conclude()


@case(19, "two of three NATS nodes down, then back", seconds=50)
def two_of_three_down(world):
    cluster = start_on_cluster(world)
    load = world.begin_load()
    for server in cluster.servers[1:]:
        server.kill9()
    load.wait_status(503, 10)
    accepted = load.accepted
    hold_for(5)
    if load.accepted > accepted:
        world.say("I1", f"{load.accepted - accepted} events were accepted without a quorum")
    for server in cluster.servers[1:]:
        server.launch()
    for server in cluster.servers[1:]:
        server.wait_answer(60)
    world.healed()
    world.finish()
    world.answers_are_plain()
    world.no_dead()
    world.conclude()


def start_with_standby(world, synchronous):
    """The standby receives by way of a proxy, which is returned too."""
    primary = world.server(PostgresServer())
    primary.start()
    proxy, _ = world.proxy_to(primary.url_of("postgres"))
    standby = world.server(make_standby(primary, synchronous, proxy.port))
    database = FailoverDatabase(primary, standby, primary.new_database().name)
    world.start(postgres=primary, database=database)
    return database, proxy


@case(20, "PostgreSQL failover to a synchronous standby, multi-host DATABASE_URL", seconds=45)
def synchronous_failover(world):
    database, _ = start_with_standby(world, synchronous=True)
    load = world.begin_load()
    load.wait_accepted(300)
    database.fail_over()
    world.healed()
    load.wait_accepted(300)
    world.finish()
    world.no_request_failed()
    world.no_dead()
    world.conclude()


@case(21, "failover to an asynchronous standby, then replay", seconds=60)
def asynchronous_failover(world):
    """The way to the standby is cut some time before the primary dies: what was committed since is lost."""
    begin = datetime.datetime.now(datetime.timezone.utc)
    database, way = start_with_standby(world, synchronous=False)
    load = world.begin_load()
    world.drain()
    way.hold()
    load.wait_accepted(500)
    load.pause()
    world.drain()
    database.fail_over()
    way.cut()
    load.go_on()
    world.healed()
    load.wait_accepted(200)
    world.recover()
    load.stop()
    world.drain()
    accepted = Record(world.folder / "journal").accepted()
    lost = len(accepted - set(world.query("SELECT source, event_id FROM processed_events")))
    if not lost:
        world.say("I1", "nothing was lost by the failover: the case proved nothing")
    replay(world, begin)
    world.finish()
    world.note = f"the failover lost {lost} events; the replay brought them back"
    world.conclude()


def replay(world, begin):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    done = subprocess.run([sluice_binary(), "replay", "--from", begin.isoformat(), "--to", end.isoformat(), "--yes"],
                          env=world.roles["gateway"].env, cwd=world.folder, capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode != 0:
        raise Failed(f"sluice replay ended with {done.returncode}: {done.stdout}{done.stderr}")
