"""sluice top on a terminal and without one, against a real stack."""
import json
import os
import signal
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.events import facebook_event, tiktok_event
from harness.process import free_port
from harness.roles import clean_environment
from harness.screen import Screen
from harness.stack import ROLES, SERVERS, Stack
from harness.wait import wait_for

LEAVES_THE_PAGE = b"\x1b[?1049l"
SHOWS_THE_CURSOR = b"\x1b[?25h"


@pytest.fixture(scope="module", name="stack")
def stack_fixture():
    stack = Stack()
    try:
        stack.up("--scale", "gateway=2")
        yield stack
    finally:
        stack.remove()


@pytest.fixture(name="top")
def top_fixture(stack):
    screens = []

    def start(*flags, columns=80, lines=30, env=None):
        screen = Screen(stack.argv("top", "--interval", "300ms", *flags), {**stack.env, "TERM": "xterm", **(env or {})},
                        stack.folder, columns, lines)
        screens.append(screen)
        return screen

    yield start
    for screen in screens:
        screen.pump()
        screen.close()
        assert screen.may_crash or b"Sanitizer" not in screen.written, screen.written
        assert b"runtime error" not in screen.written, screen.written


def cells(screen, name):
    """The cells of the row that begins so; None while it does not stand there."""
    rows = [row.split() for row in screen.rows()]
    return next((row for row in rows if row and row[0] == name), None)


def send(stack, count):
    """Valid events of both sources, and one that is none; returns when they are stored."""
    before = stack.stored()
    events = [make() for _ in range(count // 2) for make in (facebook_event, tiktok_event)]
    wrong = facebook_event()
    wrong["timestamp"] = "never"
    assert stack.post([*events, wrong]).status_code == 200
    wait_for(lambda: stack.stored() == before + count, 30, "the events to be stored")


def counted(stack, role, family):
    return sum(value for series, value in stack.metrics(role).items() if series.split("{")[0] == family)


def test_the_screen_has_what_the_roles_count(stack, top):
    screen = top(columns=130)
    screen.wait_text("LAST ERRORS AND WARNINGS")
    send(stack, 40)
    stored = sum(counted(stack, role, f"{prefix}_events_processed_total") -
                 counted(stack, role, f"{prefix}_events_duplicates_total")
                 for role, prefix in (("fb-collector", "fb_collector"), ("ttk-collector", "ttk_collector")))
    # the gateways share a port: whatever one of them says, both have taken as much as is stored
    wait_for(lambda: cells(screen, "total")[1:3] == [str(int(stored))] * 2, 20, "the totals")
    # since the start: in, stored, duplicates, failed, dead letters
    total = cells(screen, "total")
    failed = int(total[4])
    assert total[3] == "0" and failed >= 1 and int(total[5]) == failed
    assert cells(screen, "all")[6] == "0"  # nothing waits
    status = stack.status()
    for name in ["supervisor", *SERVERS, *ROLES, "gateway-2"]:
        row = cells(screen, name)
        assert row[1] == "ready" and row[3] == str(status[name]["pid"])
        assert row[2] == str(status[name]["port"] or "-")


def test_rates_are_seen_and_end(stack, top):
    screen = top("--interval", "1s", columns=130)
    screen.wait_text("LAST ERRORS AND WARNINGS")

    def busy():
        send(stack, 20)
        row = cells(screen, "all")
        return float(row[1]) > 0 and float(row[2]) > 0 and row[9] != "-"

    wait_for(busy, 30, "rates and freshness")
    wait_for(lambda: cells(screen, "all")[1:3] == ["0", "0"], 20, "rates of 0 again")


@pytest.mark.parametrize("columns, lines", [(60, 24), (60, 12), (130, 50), (30, 8)])
def test_resizing(stack, top, columns, lines):
    screen = top()
    screen.wait_text("LAST ERRORS AND WARNINGS")
    screen.resize(columns, lines)
    wait_for(lambda: columns < 104 or "STREAM" in screen.text(), 20, "the columns of the new width")
    wait_for(lambda: columns >= 76 or "DUPL" not in screen.text(), 20, "the columns of the new width")
    assert screen.rows()[0].startswith("sluice top")
    assert len(screen.rows()) == lines and all(len(row) <= columns for row in screen.rows())
    if lines > 12:
        assert all(cells(screen, name) for name in [*SERVERS, *ROLES])
    screen.press(b"q")
    assert screen.wait_end() == 0


@pytest.mark.parametrize("leave", [b"q", b"\x03", signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV, signal.SIGABRT])
def test_the_terminal_is_as_it_was(stack, top, leave):
    screen = top()
    screen.wait_text("EVENTS/S")
    assert not screen.modes_are_as_before()
    if isinstance(leave, bytes):
        screen.press(leave)
    else:
        screen.process.send_signal(leave)
    screen.may_crash = leave in (signal.SIGSEGV, signal.SIGABRT)
    assert (screen.wait_end() != 0) == screen.may_crash
    assert screen.modes_are_as_before()
    assert screen.written.count(LEAVES_THE_PAGE) == 1 and screen.written.count(SHOWS_THE_CURSOR) == 1


def test_suspended_and_back(stack, top):
    screen = top()
    screen.wait_text("EVENTS/S")
    screen.press(b"\x1a")
    pid = screen.process.pid

    def state():
        screen.pump()
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    wait_for(lambda: state() == "T", 10, "it to be stopped")
    assert screen.modes_are_as_before()
    screen.screen.reset()
    os.kill(pid, signal.SIGCONT)
    screen.wait_text("EVENTS/S")
    screen.press(b"q")
    assert screen.wait_end() == 0 and screen.modes_are_as_before()


def test_keys(stack, top):
    screen = top()
    screen.wait_text("EVENTS/S")
    screen.press(b"?")
    screen.wait_text("time from receipt to commit")
    screen.press(b"?")
    screen.wait_text("EVENTS/S")
    screen.press(b"p")
    screen.wait_text("PAUSED")
    paused = screen.text()
    send(stack, 2)
    assert screen.text() == paused
    screen.press(b"\x1b[A\x1b[1;5q\x1bOp\x1bp")  # others are none of its keys; p in the end is
    wait_for(lambda: "PAUSED" not in screen.text(), 10, "it to go on")
    assert screen.process.poll() is None


def test_only_what_changes_is_written(stack, top):
    screen = top("--interval", "100ms")
    screen.wait_text("LAST ERRORS AND WARNINGS")
    screen.pump()
    screen.written = b""
    wait_for(lambda: screen.pump() or screen.written.count(b"sluice top") >= 2, 20, "the time to change twice")
    assert not any(same in screen.written for same in (b"\x1b[2J", b"PROCESS", b"EVENTS/S", b"LAST ERRORS"))


def test_colours_only_for_what_is_wrong_and_never_with_no_color(stack, top):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = top(env=env)
        screen.wait_text("ready")
        assert (b"\x1b[0;32m" in screen.written) == coloured


def test_a_role_that_hangs_is_down_and_says_why(stack, top):
    pid = stack.pid("fb-collector")
    screen = top(columns=120)
    screen.wait_text("LAST ERRORS AND WARNINGS")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: cells(screen, "fb-collector")[1] == "down", 30, "it to be down")
        screen.wait_text("Timeout was reached")
        assert cells(screen, "facebook")[2] == "-" and "all ?" in screen.text()
        done = stack.run("top", "--once")
        assert done.returncode == 1 and "down" in done.stdout
        screen.press(b"q")  # it may be waiting for that role just now
        assert screen.wait_end(3) == 0 and screen.modes_are_as_before()
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.wait_state("fb-collector")


def test_a_role_that_died_is_told_by_the_logs(stack, top):
    screen = top(columns=120, lines=40)
    screen.wait_text("LAST ERRORS AND WARNINGS")
    stack.kill9("reporter")
    screen.wait_text("reporter has ended")
    stack.wait_state("reporter")
    wait_for(lambda: cells(screen, "reporter")[1] == "ready", 30, "it to be back")


def test_a_supervisor_that_hangs_is_named(stack):
    pid = stack.pid("supervisor")
    os.kill(pid, signal.SIGSTOP)
    try:
        done = stack.run("top", "--once", timeout=60)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 3 and "the supervisor does not answer" in done.stdout


def test_once_as_text_and_as_json(stack):
    send(stack, 10)
    done = stack.run("top", "--once", "--interval", "100ms")
    assert done.returncode == 0 and "\x1b" not in done.stdout and done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines() if line][:6] == \
        ["sluice", "EVENTS/S", "all", "facebook", "tiktok", "total"]
    piped = stack.run("top", "--interval", "100ms")  # no terminal: the same
    assert piped.returncode == 0 and piped.stdout.splitlines()[2] == done.stdout.splitlines()[2]
    answers = []

    def is_drained():
        answers.append(json.loads(stack.run("top", "--json", "--interval", "100ms").stdout))
        return answers[-1]["all"]["lagMessages"] == 0

    wait_for(is_drained, 30, "what was sent to be stored, and told")
    result = answers[-1]
    assert result["running"] and not result["partial"] and result["reason"] == ""
    assert result["totals"]["in"] >= 10
    rows = {row["name"]: row for row in result["processes"]}
    assert set(rows) == {"supervisor", *SERVERS, *ROLES, "gateway-2"}
    assert all(row["memoryBytes"] > 1 << 20 and row["cpu"] >= 0 for row in rows.values())


def test_on_a_terminal_that_is_dumb_pages_follow_each_other(stack, top):
    screen = top(env={"TERM": "dumb"}, columns=120, lines=100)
    wait_for(lambda: screen.text().count("EVENTS/S") >= 2, 30, "two pages")
    assert b"\x1b" not in screen.written
    screen.press(b"\x03")
    assert screen.wait_end() == -signal.SIGINT and screen.modes_are_as_before()


def run_top(*flags):
    return subprocess.run([sluice_binary(), "top", *flags], capture_output=True, text=True, timeout=60, check=False,
                          env=clean_environment(), cwd="/", stdin=subprocess.DEVNULL)


def test_roles_of_anybody(nats, database, start_role):
    """Two roles that no supervisor of ours has started, and one that is not there."""
    gateway = start_role("gateway").wait_ready()
    collector = start_role("fb-collector").wait_ready()
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert gateway.post("/webhook/events", facebook_event()).status_code == 200
    targets = f"gateway={gateway.url},fb-collector={collector.url}/"
    done = run_top("--once", "--interval", "100ms", "--target", targets)
    assert done.returncode == 0 and "total            1" in done.stdout, done.stdout
    done = run_top("--json", "--interval", "100ms", "--target", f"{targets},reporter={nowhere}")
    result = json.loads(done.stdout)
    assert done.returncode == 1 and result["partial"]
    assert [row["state"] for row in result["processes"]] == ["ready", "ready", "down"]
    assert "connect" in result["processes"][2]["reason"]
    nats.stop()
    try:
        def unready():
            rows = json.loads(run_top("--json", "--interval", "100ms", "--target", targets).stdout)["processes"]
            return rows[0]["state"] == "unready" and "nats: " in rows[0]["reason"]

        wait_for(unready, 30, "the gateway to be unready and to say why")
    finally:
        nats.start()


def test_where_nothing_runs(tmp_path):
    done = run_top("--once", "--data", str(tmp_path / "var"))
    assert done.returncode == 3 and "sluice up starts a stack" in done.stdout
    done = run_top("--json", "--data", str(tmp_path / "var"))
    assert done.returncode == 3 and json.loads(done.stdout)["running"] is False


@pytest.mark.parametrize("flags, said", [
    (["--interval", "2"], "--interval=2"),
    (["--interval", "1ms"], "--interval=1ms"),
    (["--target", "gateway"], "--target=gateway"),
    (["--target", "gateway=ftp://x"], "not a URL"),
    (["--target", ""], "--target="),
    (["--nonsense"], "--nonsense"),
])
def test_wrong_flags(flags, said):
    done = run_top(*flags)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""
