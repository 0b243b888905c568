"""Roles that die, are restarted, or lose the place for their logs: under a supervisor, as in life."""
import os

from disks import fill, small_disk
from harness.binary import sluice_binary
from harness.process import Process
from harness.wait import wait_for
from registry import case
from world import ROLES


@case(1, "kill -9 the gateway, 20 times under load", seconds=35)
def gateway_killed_often(world):
    world.start()
    load = world.begin_load(rate=60, threads=6)
    for _ in range(20):
        load.wait_accepted(40)
        world.gateway.kill9()
        world.gateway.start()
    world.healed()
    world.finish()
    world.answers_are_plain(None)
    if not load.count(None):
        world.say("I1", "no request was in flight when the gateway was killed: the case proved nothing")
    world.conclude()


@case(6, "kill -9 the reporter", seconds=25, world="Supervised")
def reporter_killed(world):
    world.start()
    load = world.begin_load(rate=40)
    for _ in range(3):
        old = world.site.kill9("reporter")
        load.wait_accepted(100)
        world.site.wait_state("reporter", other_than=old, seconds=60)
    world.healed()
    world.finish()
    world.no_request_failed()
    total = world.site.get("reporter", "/reports/events").json()["data"]["totalEvents"]
    if total != world.query("SELECT count(*) FROM processed_events")[0][0]:
        world.say("I4", f"the report counts {total} events")
    world.conclude()


@case(29, "SIGTERM rolling restarts of every role, 10 rounds", seconds=75, world="Supervised")
def rolling_restarts(world):
    world.start()
    world.begin_load(rate=40, threads=6)
    for _ in range(10):
        for role in ROLES:
            done = world.site.run("restart", role)
            if done.returncode != 0:
                world.say("I5", f"restart {role} ended with {done.returncode}: {done.stderr.strip()}")
    world.healed()
    world.finish()
    world.no_request_failed()
    world.conclude()


@case(13, "the log disk is full", seconds=25)
def log_disk_full(world):
    disk = world.ending.enter_context(small_disk(str(world.folder / "logs"), "1m"))
    world.start(env={"LOG_LEVEL": "debug"})
    gateway = world.gateway
    gateway.terminate()
    log = os.path.join(disk, "gateway.log")
    gateway.process = Process([sluice_binary(), "gateway"], log, env=gateway.env, cwd=str(world.folder))
    gateway.wait_ready()
    world.begin_load()
    ballast = fill(disk)
    before = dropped(gateway)
    world.load.wait_accepted(300)
    wait_for(lambda: dropped(gateway) > before, 30, "dropped log lines to be counted")
    os.unlink(ballast)
    size = os.path.getsize(log)
    world.healed()
    world.load.wait_accepted(100)
    wait_for(lambda: os.path.getsize(log) > size, 30, "logs to be written again")
    world.finish()
    world.no_request_failed()
    world.conclude()


def dropped(role):
    return sum(value for name, value in role.metrics().items() if "log" in name and "dropped" in name)
