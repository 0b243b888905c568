"""The clock, the fuzzers, failing allocations, and everything at random under ThreadSanitizer."""
import os
import pathlib
import subprocess
import time
from datetime import datetime

from harness.binary import sanitized, sluice_binary
from harness.wait import wait_for
from pipeline import Failed, Skipped
from registry import case

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


@case(22, "wall clock one hour forward and back for our services", seconds=35)
def wall_clock_jumps(world):
    library = next(iter(pathlib.Path("/").glob(FAKETIME.lstrip("/"))), None)
    if not library:
        raise Skipped("libfaketime is not installed")
    if sanitized():
        raise Skipped("libfaketime and a sanitizer do not go together")
    clock = world.folder / "clock"
    set_clock(clock, 0)
    fake = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": 1, "FAKETIME_DONT_FAKE_MONOTONIC": 1}
    world.start(env=fake)
    load = world.begin_load()
    for hours in (1, -1, 0):
        answered = len(load.statuses)
        set_clock(clock, hours)
        wait_for(lambda h=hours: abs(clock_of(world) - time.time() - h * 3600) < 60, 10, "the clock to be seen")
        load.wait_accepted(300)
        slowest = load.slowest(answered)
        if slowest > 5:
            world.say("I5", f"with the clock {hours:+d} h an answer took {slowest:.1f} s")
    world.healed()
    world.finish()
    world.no_request_failed()
    received = world.query("SELECT min(received_at) < now() - interval '50 min', max(received_at) > now() + interval '50 min'"
                           " FROM processed_events")[0]
    if received != (True, True):
        world.say("I5", "received_at shows no jump of the clock: the case proved nothing")
    world.conclude()


def set_clock(path, hours):
    path.with_suffix(".new").write_text(f"{hours * 3600:+d}\n", encoding="ascii")
    os.replace(path.with_suffix(".new"), path)


def clock_of(world):
    """What a service thinks the time is."""
    said = world.gateway.get("/health").json()["timestamp"]
    return datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp()


def run_unit_tests(world, pattern):
    """The tests of that name: as built for users, and in the build under ASan+UBSan that `sluice test faults` makes."""
    builds = [pathlib.Path(sluice_binary()).parent]
    if "SLUICE_ASAN_BUILD" in os.environ:
        builds.append(pathlib.Path(os.environ["SLUICE_ASAN_BUILD"]))
    for build in builds:
        done = subprocess.run(["ctest", "--test-dir", build, "-R", pattern, "--output-on-failure", "--no-tests=error"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{build.name}: {done.stdout[-3000:]}{done.stderr[-1000:]}")
    world.note = f"in {', '.join(build.name for build in builds)}"


@case(38, "fuzzers: the corpus and everything they ever found", seconds=30)
def fuzzers(world):
    run_unit_tests(world, "^fuzz/")


@case(39, "the Nth allocation fails, for every N", seconds=100)
def failing_allocations(world):
    run_unit_tests(world, "torture")
