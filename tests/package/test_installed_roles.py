"""The installed roles at work, confined as their units confine them; and what their units forbid is nothing they do."""
import random
import re
import subprocess

import pytest

from debian import run
from harness.events import corrupt_event, random_event
from harness.oracle import unique
from harness.process import Process
from harness.roles import Role, clean_environment
from harness.wait import wait_for

ROLES = ["gateway", "fb-collector", "ttk-collector", "reporter"]
EVENTS = 2000
WHOLE_TIME = "from=1970-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"


class Installed(Role):
    """A role as its unit starts it."""

    def __init__(self, debian, name, folder):
        self.debian = debian
        self.trace = folder / f"{name}.strace"
        super().__init__(name, folder, debian.environment())

    def start(self):
        argv = dict(self.debian.unit(f"sluice-{self.name}.service"))["ExecStart"].split()
        self.process = Process(self.debian.confined(argv, self.trace), self.log_path, env=self.env, cwd="/")


def run_setup(debian, folder):
    """What sluice-setup.service executes; the traces."""
    traces = []
    for key, line in debian.unit("sluice-setup.service"):
        if key == "ExecStart":
            traces.append(folder / f"setup-{len(traces)}.strace")
            run(*debian.confined(line.split(), traces[-1]), env=clean_environment(debian.environment()))
    assert len(traces) == 2
    return traces


def send(gateway):
    rng = random.Random(7)
    events = [random_event(rng) for _ in range(EVENTS)]
    for i in range(0, EVENTS, 200):
        answer = gateway.post("/webhook/events", events[i:i + 200] + [corrupt_event(rng)[0]])
        assert answer.status_code == 200 and answer.json()["processed"] == 200, answer.text
    return len(unique(events))


@pytest.fixture(scope="module")
def traces(installed, nats, database, tmp_path_factory):
    """Notes of every system call of the roles and of the setup, over their whole life."""
    folder = tmp_path_factory.mktemp("roles")
    kept = (installed / "etc/sluice/sluice.env").read_text()
    installed.set_environment(NATS_URL=nats.url, DATABASE_URL=database.url)
    setup = run_setup(installed, folder)
    roles = {}
    try:
        for name in ROLES:
            roles[name] = Installed(installed, name, folder)
        for role in roles.values():
            role.wait_ready(60)
        stored = send(roles["gateway"])
        wait_for(lambda: database.value("SELECT count(*) FROM processed_events") >= stored, 60, "the events to be stored")
        report = roles["reporter"].get(f"/reports/events?{WHOLE_TIME}").json()
        assert report["data"]["totalEvents"] == stored
        assert all(role.metrics() for role in roles.values())
        installed.run("setpriv", "--reuid", "sluice", "--regid", "sluice", "--clear-groups", "/usr/bin/sluice", "audit",
                      "--env-file", "/etc/sluice/sluice.env")
        statuses = {name: role.terminate(60) for name, role in roles.items()}
        assert statuses == dict.fromkeys(ROLES, 0)
    finally:
        for role in roles.values():
            if role.process.alive():
                role.kill9()
        (installed / "etc/sluice/sluice.env").write_text(kept)
    return {"setup": setup, **{name: [role.trace] for name, role in roles.items()}}


def calls(paths, program="/usr/bin/sluice"):
    """[(name, the rest of its line)] of the program itself: what comes before it is how it was confined."""
    found = []
    for path in paths:
        # strace outlives the program by a moment.
        text = wait_for(lambda path=path: re.search(r"(?s).*\+\+\+ exited with \d+ \+\+\+\n$", path.read_text(errors="replace")),
                        30, f"the end of {path}").group()
        _, _, text = text.partition(f'execve("{program}"')
        assert text, f"no program in {path}"
        found += re.findall(r"(?m)^(?:\d+ +)?([a-z_0-9]+)\((.*)$", text)
    return found


def allowed_calls(debian, unit):
    """What SystemCallFilter= lets through, by systemd's own tables."""
    allowed = set()
    for key, value in debian.unit(unit):
        if key == "SystemCallFilter":
            names = members(value.lstrip("~").split())
            allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed


def members(words):
    names = set()
    for word in words:
        if word.startswith("@"):
            lines = run("systemd-analyze", "syscall-filter", word).splitlines()[1:]
            names |= members([line.strip() for line in lines if line.strip() and not line.strip().startswith("#")])
        else:
            names.add(word)
    return names


@pytest.mark.parametrize("name", [*ROLES, "setup"])
def test_units_forbid_nothing_that_is_done(installed, traces, name):
    made = calls(traces[name])
    assert {"socket", "connect"} <= {call for call, _ in made}
    assert {call for call, _ in made} - allowed_calls(installed, f"sluice-{name}.service") == set()
    # MemoryDenyWriteExecute=, RestrictAddressFamilies=
    assert [line for line in made if line[0] in ("mmap", "mprotect") and "PROT_WRITE|PROT_EXEC" in line[1]] == []
    assert [line for line in made if line[0] == "mprotect" and "PROT_EXEC" in line[1]] == []
    families = dict(installed.unit(f"sluice-{name}.service"))["RestrictAddressFamilies"].split()
    assert {line[1].split(",")[0] for line in made if line[0] == "socket"} <= set(families)


def test_what_a_unit_forbids_would_be_seen(installed, tmp_path):
    """The notes and the reading of them: a program that changes an owner is caught."""
    trace = tmp_path / "trace"
    done = subprocess.run(installed.confined(["/usr/bin/chown", "sluice", "/var/lib/sluice"], trace), check=False,
                          capture_output=True, text=True)
    assert "Read-only file system" in done.stderr
    names = {name for name, _ in calls([trace], "/usr/bin/chown")}
    assert "fchownat" in names - allowed_calls(installed, "sluice-gateway.service")
