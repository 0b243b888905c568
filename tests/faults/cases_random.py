"""Faults in random order on one pipeline, all of it built with ThreadSanitizer (case 41)."""
import os
import random
import signal
import threading
import time

import processes
from harness.binary import ROOT
from harness.stack import is_alive
from harness.wait import wait_for
from pipeline import RECOVERY_LIMIT, Skipped
from proxy import without_nats_acks
from registry import case
from world import ROLES

# What a role built with ThreadSanitizer is slower by.
SLOWER = 3


class Storm:
    """A world whose every connection goes through proxies, and the faults that are done to it: each is whole again
    when its function returns."""

    def __init__(self, world):
        self.world, self.rng = world, random.Random(world.seed)
        world.start_servers()
        self.losing_acks = threading.Event()
        self.nats = {name: world.proxy_to(world.nats.url) for name in ROLES}
        self.postgres = {name: world.proxy_to(world.database.url) for name in ROLES if name != "gateway"}
        for name in ROLES:
            proxy, url = self.nats[name]
            proxy.up.filter = lambda: without_nats_acks(self.losing_acks.is_set)
            env = {"NATS_URL": url, "SHUTDOWN_TIMEOUT": "60s"}
            if name in self.postgres:
                env["DATABASE_URL"] = self.postgres[name][1]
            world.add_role(name, **env)
        for role in world.roles.values():
            role.wait_ready(120)

    def proxies(self):
        return [proxy for proxy, _ in [*self.nats.values(), *self.postgres.values()]]

    def last(self, most=6):
        """A fault lasts some time; nothing can be waited for."""
        time.sleep(self.rng.uniform(0.5, most))

    def role_is_killed(self):
        role = self.rng.choice(list(self.world.roles.values()))
        role.kill9()
        role.start()

    def role_is_restarted(self):
        role = self.rng.choice(list(self.world.roles.values()))
        status = role.terminate(90)
        if status != 0:
            self.world.say("I5", f"{role.name} ended with {status}")
        role.start()

    def role_is_stopped(self):
        with self.world.frozen(self.rng.choice(list(self.world.roles.values())).pid):
            self.last()

    def nats_is_killed(self):
        self.world.nats.kill9()
        self.last(2)
        self.world.nats.start()

    def nats_is_stopped(self):
        with self.world.frozen(self.world.nats.pid):
            self.last(12)

    def backend_is_killed(self):
        backends = self.world.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice%%'")
        if backends:
            os.kill(self.rng.choice(backends)[0], signal.SIGKILL)
        wait_for(lambda: self.world.query("SELECT 1"), 60, "PostgreSQL to have recovered")

    def postgres_is_killed(self):
        family = processes.descendants(self.world.postgres.pid)
        self.world.postgres.kill9()
        wait_for(lambda: not any(map(is_alive, family)), 60, "the orphaned backends to be gone")
        self.last(3)
        self.world.postgres.start()

    def postgres_is_stopped(self):
        with self.world.frozen(*processes.descendants(self.world.postgres.pid)):
            self.last(12)

    def packets_vanish(self):
        proxy = self.rng.choice(self.proxies())
        proxy.vanish()
        self.last(18)
        proxy.heal()

    def connections_are_reset(self):
        self.rng.choice(self.proxies()).cut()

    def acks_are_lost(self):
        self.losing_acks.set()
        self.last()
        self.losing_acks.clear()

    def network_is_slow(self):
        proxy = self.rng.choice(self.proxies())
        proxy.slow(0.2)
        self.last()
        proxy.heal()

    def faults(self):
        return [self.role_is_killed, self.role_is_restarted, self.role_is_stopped, self.nats_is_killed, self.nats_is_stopped,
                self.backend_is_killed, self.postgres_is_killed, self.postgres_is_stopped, self.packets_vanish,
                self.connections_are_reset, self.acks_are_lost, self.network_is_slow]


@case(41, "cases 1 to 17 at random, ThreadSanitizer build", seconds=960, beside=True)
def at_random(world):
    binary = ROOT / "build-tsan" / "sluice"
    if not binary.exists():
        raise Skipped("build-tsan/sluice is not there; ./sluice test faults without --case makes it")
    os.environ["SLUICE_BIN"] = str(binary)
    storm = Storm(world)
    load = world.begin_load(rate=15)
    end = time.monotonic() + world.minutes * 60
    done = []
    while time.monotonic() < end:
        fault = storm.rng.choice(storm.faults())
        done.append(fault.__name__)
        print(f"{time.strftime('%H:%M:%S')} {fault.__name__}", flush=True)
        fault()
        accepted = load.accepted
        wait_for(lambda before=accepted: load.accepted > before + 30, RECOVERY_LIMIT * SLOWER,
                 f"events to be accepted after {fault.__name__}")
    world.healed()
    # Roles are as slow as they are; memory holds the shadow of a process that has seen much.
    world.finish(limit=RECOVERY_LIMIT * SLOWER, footprint=False)
    world.no_dead()
    world.note = f"{len(done)} faults of {len(set(done))} kinds"
    world.conclude()
