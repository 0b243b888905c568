"""PostgreSQL dies, freezes, runs full, cannot be reached, or is asked while it is written to."""
import os
import signal
import time

import processes
from disks import fill
from harness.servers import PostgresServer
from harness.stack import is_alive
from harness.wait import wait_for
from oracle import STREAMS
from pipeline import counter, hold_for
from registry import case


def backlog(world):
    with world.nats_client() as client:
        return sum(client.api(f"CONSUMER.INFO.{stream}.{name}")[what]
                   for stream, name in zip(STREAMS.values(), ("fb-collector", "ttk-collector"))
                   for what in ("num_pending", "num_ack_pending"))


@case(5, "kill -9 one PostgreSQL backend, then the postmaster", seconds=35)
def killed(world):
    world.start()
    load = world.begin_load()
    [[backend]] = world.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'sluice fb-collector'"
                              " ORDER BY backend_start LIMIT 1")
    os.kill(backend, signal.SIGKILL)
    load.wait_accepted(200)
    wait_for(lambda: world.query("SELECT 1"), 30, "PostgreSQL to have recovered")
    family = processes.descendants(world.postgres.pid)
    world.postgres.kill9()
    load.wait_accepted(200)
    wait_for(lambda: not any(map(is_alive, family)), 30, "the orphaned backends to be gone")
    world.postgres.start()
    world.healed()
    world.finish()
    world.no_request_failed()
    world.no_dead()
    world.conclude()


@case(9, "SIGSTOP PostgreSQL 60 s", seconds=85)
def stopped(world):
    world.start()
    world.begin_load()
    grown = []
    with world.frozen(*processes.descendants(world.postgres.pid)):
        cpu = [processes.cpu_seconds(role.pid) for role in world.collectors]
        begin = time.monotonic()
        hold_for(60, lambda: grown.append(backlog(world)), every=2)
        used = [processes.cpu_seconds(role.pid) - before for role, before in zip(world.collectors, cpu)]
        if max(used) > 0.1 * (time.monotonic() - begin):
            world.say("I5", f"collectors were busy while the database was stopped: {max(used):.1f} s of CPU")
        if grown[-1] <= grown[0]:
            world.say("I5", f"the backlog did not grow: {grown}")
    world.finish()
    world.no_request_failed()
    world.no_dead()
    world.conclude()


@case(12, "PostgreSQL's disk is full", seconds=60)
def disk_full(world):
    server = world.server(PostgresServer(init=False, settings={"max_wal_size": "32MB", "min_wal_size": "32MB", "fsync": "off"}))
    disk = world.on_small_disk(server, server.data, "192m")
    server.init()
    server.start()
    world.start(postgres=server)
    load = world.begin_load(rate=60)
    ballast = fill(disk, leave=64 << 10)
    wait_for(lambda: "No space left" in server.log_text(), 90, "PostgreSQL to run out of space")
    load.wait_accepted(300)
    wait_for(lambda: any(counter(role, "store_retries") > 2 for role in world.collectors),
             60, "a collector to try again")
    if server.process.alive():
        world.note = "PostgreSQL went on"
    os.unlink(ballast)
    if not server.process.alive():
        world.note = "PostgreSQL had stopped and was started again"
        server.start()
    world.healed()
    world.finish()
    world.no_request_failed()
    world.no_dead()
    world.conclude()


@case(15, "packets between collector and PostgreSQL vanish during COMMIT", seconds=75, quick=True)
def packets_vanish_during_commit(world):
    """Facebook's COMMIT arrives and its answer does not; TikTok's COMMIT itself is lost. Both collectors freeze at
    the failpoint right before it, so that the way can be cut exactly there."""
    world.start_servers()
    proxies = {}
    for name in ("gateway", "fb-collector", "ttk-collector", "reporter"):
        env = {}
        if "collector" in name:
            proxies[name], env["DATABASE_URL"] = world.proxy_to(world.database.url)
            env["SLUICE_FAILPOINT"] = "stop:writer.before_commit:4"
        world.add_role(name, **env)
    for role in world.roles.values():
        role.wait_ready(60)
    world.begin_load()
    facebook, tiktok = world.roles["fb-collector"], world.roles["ttk-collector"]

    wait_for(lambda: processes.is_stopped(facebook.pid), 60, "Facebook's collector to be before its COMMIT")
    proxies["fb-collector"].hold(up=False, down=True)
    rows = "SELECT count(*) FROM ledger WHERE stream = 'FACEBOOK_EVENTS'"
    before = world.database.value(rows)
    facebook.signal(signal.SIGCONT)
    wait_for(lambda: world.database.value(rows) > before, 30, "the COMMIT to arrive")
    proxies["fb-collector"].vanish()

    wait_for(lambda: processes.is_stopped(tiktok.pid), 60, "TikTok's collector to be before its COMMIT")
    proxies["ttk-collector"].vanish()
    tiktok.signal(signal.SIGCONT)
    for role in (facebook, tiktok):
        wait_for(lambda r=role: counter(r, "store_retries") > 0, 60, f"{role.name} to notice")
    for proxy in proxies.values():
        proxy.heal()
    world.healed()
    world.finish()
    world.no_dead()
    world.conclude()


@case(42, "reports while ingesting", seconds=30)
def reports_while_ingesting(world):
    world.start()
    load = world.begin_load(rate=60)
    totals = {"events": [], "revenue": [], "transactions": []}
    end = load.accepted + 3000
    while load.accepted < end:
        for name, values in report_totals(world).items():
            totals[name].append(values)
    world.healed()
    world.finish()
    for name, values in totals.items():
        back = [(a, b) for a, b in zip(values, values[1:]) if b < a]
        if back:
            world.say("I4", f"{name} went back from {back[0][0]} to {back[0][1]}")
    at_rest = report_totals(world)
    recount = world.query("SELECT (SELECT count(*) FROM processed_events), (SELECT sum(amount)::float8 FROM revenue_transactions"
                          " WHERE currency = 'USD'), (SELECT count(*) FROM revenue_transactions)")[0]
    if tuple(at_rest.values()) != recount:
        world.say("I4", f"the reports say {at_rest}, a recount {recount}")
    world.note = f"{len(totals['events'])} rounds of reports"
    world.conclude()


def report_totals(world):
    reporter = world.roles["reporter"]
    events = reporter.get("/reports/events").json()["data"]
    revenue = reporter.get("/reports/revenue").json()["data"]
    if sum(events["eventsBySource"].values()) != events["totalEvents"]:
        world.say("I4", f"a report does not add up: {events}")
    return {"events": events["totalEvents"], "revenue": revenue["totalRevenue"], "transactions": revenue["transactionCount"]}
