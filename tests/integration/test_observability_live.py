"""Every query of every panel and every rule, asked of a live Prometheus that reads a live stack under load; and the
table of metrics in docs/operations.md against what the roles export."""
import os
import random
import re
import signal
import threading

import pytest
import requests

from harness.events import corrupt_event, random_event
from harness.observability import (documented_metrics, exported_metrics, filled_in, metric_names, panel_queries, rules)
from harness.stack import ROLES, Stack
from harness.wait import wait_for

SCRAPES = 15
REPORTS = ("events", "revenue", "demographics", "rejects")


class Load(threading.Thread):
    """Some hundred events a second, a few of them twice, a few corrupt; and reports, also such as do not exist."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack
        self.rng = random.Random(5)
        self.ended = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.ended.wait(0.1):
                self.turn()
        except Exception as error:  # noqa: BLE001  the fixture shows it
            self.error = error

    def turn(self):
        events = [random_event(self.rng) for _ in range(30)]
        again = events[:3]
        for batch in (events + [corrupt_event(self.rng)[0]], again):
            assert self.stack.post(batch).status_code == 200
        broken = requests.post(self.stack.url("gateway") + "/webhook/events", data=b"{ no json", timeout=30,
                               headers={"Content-Type": "application/json"})
        assert broken.status_code == 400
        assert self.stack.get("reporter", f"/reports/{self.rng.choice(REPORTS)}").status_code == 200
        assert self.stack.get("reporter", "/reports/events", params={"from": "never"}).status_code == 400

    def stop(self):
        self.ended.set()
        self.join()
        assert self.error is None, self.error


def hurry(stack):
    """What `up` has written, with a second for each of its intervals."""
    folder = stack.data / "prometheus"
    for path in [folder / "prometheus.yml", *folder.glob("rules/*.yml")]:
        text = path.read_text()
        path.write_text(re.sub(r"((?:^|_| )interval|scrape_timeout): \w+", r"\1: 1s", text))
    os.kill(stack.pid("prometheus"), signal.SIGHUP)


def ask(stack, query):
    answer = stack.get("prometheus", "/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", f"{query}: {answer.get('error')}"
    return answer["data"]["result"]


def has_data(stack, query):
    return any(row["value"][1] != "NaN" for row in ask(stack, query))


@pytest.fixture(scope="module", name="stack")
def stack_fixture():
    stack = Stack(env={"UPKEEP_INTERVAL": "1s"})
    load = None
    try:
        stack.up()
        load = Load(stack)
        load.start()
        hurry(stack)
        for role in ROLES:
            wait_for(lambda r=role: has_data(stack, f'count_over_time(up{{job="{r}"}}[5m]) >= {SCRAPES}'), 90,
                     f"Prometheus to read {role} {SCRAPES} times")
        yield stack
        load.stop()
    finally:
        if load:
            load.ended.set()
            load.join()
        stack.remove()


def names_in(stack):
    return set(stack.get("prometheus", "/api/v1/label/__name__/values").json()["data"])


def test_up_loads_the_rules_that_are_shipped(stack):
    groups = stack.get("prometheus", "/api/v1/rules").json()["data"]["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]
    assert sorted(r["name"] for r in loaded) == sorted([r["alert"] for r in rules("alert")] +
                                                       [r["record"] for r in rules("record")])
    wait_for(lambda: {rule["health"] for group in stack.get("prometheus", "/api/v1/rules").json()["data"]["groups"]
                      for rule in group["rules"]} == {"ok"}, 60, "every rule to be evaluated")


def test_every_panel_has_data(stack):
    """Rates need two scrapes of what is counted, and the load has to have come that far: hence the wait."""
    empty = []
    for where, query in panel_queries():
        try:
            wait_for(lambda q=filled_in(query): has_data(stack, q), 15, where)
        except AssertionError as error:
            empty.append(f"{where}: {query}: {error}")
    assert not empty, "\n".join(empty)


def test_every_recorded_series_has_data(stack):
    for rule in rules("record"):
        wait_for(lambda r=rule: has_data(stack, r["expr"]) and has_data(stack, r["record"]), 30, rule["record"])


def test_every_alert_is_about_something_that_exists(stack):
    for rule in rules("alert"):
        ask(stack, rule["expr"])
    names = names_in(stack)
    queries = [r["expr"] for kind in ("alert", "record") for r in rules(kind)] + [query for _, query in panel_queries()]
    for query in queries:
        exact, patterns = metric_names(query)
        assert exact or patterns, query
        missing = exact - names - {"ALERTS"}
        assert not missing, f"{query}: nobody exports {missing}"
        for pattern in patterns:
            assert any(re.fullmatch(pattern, name) for name in names), f"{query}: nobody exports {pattern}"


def test_the_load_was_seen_as_it_was(stack):
    """The numbers behind the panels are the roles' own."""
    wait_for(lambda: has_data(stack, "sum(gateway_dead_letters_total) > 0"), 30, "dead letters")
    assert has_data(stack, "sum(gateway_events_processed_total) > 1000")
    assert has_data(stack, "sluice:events_failed:ratio_rate10m{source=\"all\"} > 0.01")
    assert not has_data(stack, "sluice:intake_errors:ratio_rate5m > 0")
    wait_for(lambda: has_data(stack, 'max({__name__=~"[a-z]+_collector_dead_letter_stream_messages"}) > 0'), 30,
             "the dead letters to be counted")
    assert has_data(stack, 'min({__name__=~"[a-z]+_collector_partition_tomorrow_ready"}) == 1')
    for collector in ("fb", "ttk"):
        for name in ("database_size_bytes", "database_connections", "database_connections_max", "jetstream_store_bytes",
                     "dead_letter_stream_bytes", "dead_letter_stream_max_bytes"):
            assert has_data(stack, f"{collector}_collector_{name} > 0"), name
    size = int(stack.sql("SELECT pg_database_size(current_database())"))
    assert has_data(stack, f"fb_collector_database_size_bytes > {size / 2}")
    assert has_data(stack, f"fb_collector_database_size_bytes <= {size * 2}")


def test_the_table_of_metrics_is_true(stack):
    exported = {}
    for role in ROLES:
        for name, (kind, labels) in exported_metrics(stack.get(role, "/metrics").text).items():
            known = exported.setdefault(name, (kind, set()))
            assert known[0] == kind
            known[1].update(labels)
    documented = documented_metrics()
    assert set(documented) == set(exported)
    for name, described in documented.items():
        assert described == exported[name], name


def test_an_alert_fires_when_a_role_is_gone(stack):
    """By way of Prometheus, from the process to the alert; how long it must last, promtool's cases say."""
    pid = stack.pid("reporter")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: [a["labels"]["job"] for a in stack.get("prometheus", "/api/v1/alerts").json()["data"]["alerts"]
                          if a["labels"]["alertname"] == "SluiceRoleDown"] == ["reporter"], 30, "the alert")
    finally:
        os.kill(pid, signal.SIGCONT)
