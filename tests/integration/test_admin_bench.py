"""sluice bench reports, small: it measures everything that it says, on data that are what they should be."""
import json
import re
import shutil
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.roles import clean_environment
from harness.stack import Stack, free_port_base

ROWS = 20000
KINDS = ["events.aligned", "events.any", "revenue.aligned", "revenue.any", "revenue.campaign_days", "revenue.campaign_any",
         "revenue.by_campaign", "series.minute", "series.hour", "series.day", "series.week", "groups.events", "groups.revenue",
         "demographics.days", "demographics.any", "funnel.days", "funnel.any", "campaigns", "user", "event"]
DIMENSIONS = ["source", "funnelStage", "eventType", "campaignId", "country", "device"]
PAIRS = [f"{a},{b}" for i, a in enumerate(DIMENSIONS) for b in DIMENSIONS[i + 1:]]
SORTS = ["revenue", "orders", "buyers", "averageOrderValue", "clicks", "campaignId"]


def bench(*words, seconds=60):
    return subprocess.run([sluice_binary(), "bench", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds, env=clean_environment(), check=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run: its table, its figures, and the folder where it left the database."""
    folder = tmp_path_factory.mktemp("bench")
    done = bench("reports", "--rows", ROWS, "--users", 3000, "--campaigns", 20, "--seconds", 1, "--keep", folder / "kept",
                 "--json", folder / "figures.json", "--port-base", free_port_base(), seconds=600)
    assert done.returncode in (0, 1), done.stderr
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))["figures"]
    yield done, {f["key"]: f["value"] for f in figures}, folder
    shutil.rmtree(folder)


def test_every_kind_of_report_is_measured(measured):
    _, figures, _ = measured
    for kind in KINDS:
        p50, p99, asked = (figures[f"{ROWS}.{kind}.{figure}"] for figure in ("p50", "p99", "asked"))
        assert 0 < p50 <= p99 < 60000, kind
        assert 20 <= asked, kind


@pytest.mark.parametrize("kind, variants", [("groups.events", PAIRS), ("groups.revenue", PAIRS), ("campaigns", SORTS)])
def test_a_kind_is_as_slow_as_its_slowest_variant(measured, kind, variants):
    _, figures, _ = measured
    p99 = [figures[f"{ROWS}.{kind}.{variant}.p99"] for variant in variants]
    assert figures[f"{ROWS}.{kind}.p99"] == max(p99)


def test_rate_and_page_are_measured(measured):
    _, figures, _ = measured
    assert figures[f"{ROWS}.mix.rate"] > 1
    assert 0 < figures[f"{ROWS}.page.p50"] <= figures[f"{ROWS}.page.max"]
    assert 20 < figures["page.size"] < 150


def test_the_table_says_what_was_reached(measured):
    done, figures, _ = measured
    for line in done.stdout.splitlines():
        if match := re.search(r"([\d.]+) (<=|>=) +(\d+) (reached|MISSED)", line):
            value, bound, goal, verdict = match.groups()
            met = float(value) <= float(goal) if bound == "<=" else float(value) >= float(goal)
            assert verdict == ("reached" if met else "MISSED"), line
    without_goal, others = {"campaigns", "user", "event"}, ["mix", "page", "script and style"]
    assert len(re.findall("reached|MISSED", done.stdout)) == len(set(KINDS) - without_goal) + len(others)
    assert done.returncode == ("MISSED" in done.stdout)
    assert f"{figures[f'{ROWS}.mix.rate']:.0f}" in done.stdout


def test_what_was_filled_is_what_collectors_would_have_left(measured):
    """The rollups agree with the events, and an event is found by its key."""
    kept = measured[2] / "kept" / f"reports-{ROWS}-3000-20"
    stack = Stack(data=kept)
    stack.up("--scale", "gateway=0,fb-collector=0,ttk-collector=0")
    try:
        verified = stack.run("rollup", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert stack.get("reporter", "/reports/events").json()["data"]["totalEvents"] == ROWS
        event = stack.get("reporter", f"/reports/events/facebook/ev-{ROWS}").json()["data"]["event"]
        assert (event["eventId"], event["source"]) == (f"ev-{ROWS}", "facebook")
    finally:
        stack.remove()


def test_a_database_that_was_not_filled_to_its_end_is_not_measured(tmp_path):
    (tmp_path / "reports-1000-2000-10").mkdir()
    done = bench("reports", "--rows", 1000, "--users", 2000, "--campaigns", 10, "--keep", tmp_path)
    assert done.returncode == 2
    assert "reports-1000-2000-10 was not filled to its end: remove it" in done.stderr


@pytest.mark.parametrize("words, complaint", [
    (["nonsense"], "takes nothing or the word reports"),
    (["--rows", "1000"], "--rows goes with sluice bench reports"),
    (["reports", "--only", "http"], "--only goes with sluice bench without the word reports"),
    (["reports", "--rows", "2000,1000"], "the smaller number comes first"),
    (["reports", "--rows", "100,200,300"], "one number or two"),
    (["reports", "--rows", "many"], "--rows many: expected a number"),
    (["reports", "--baseline", "/nowhere.json"], "/nowhere.json: No such file"),
])
def test_a_wrong_flag_is_named(words, complaint):
    done = bench(*words)
    assert done.returncode == 2 and complaint in done.stderr and done.stderr.count("\n") == 1
