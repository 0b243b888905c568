"""Rules, scrape configurations, dashboards and the runbook as files: valid, tested, and true of each other."""
import itertools
import re
import subprocess

import pytest
import yaml

from harness.binary import ROOT
from harness.observability import CASES, DASHBOARDS, RULES, anchor, dashboards, rules

PROMETHEUS = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "deploy/grafana"
PANELS = {"timeseries", "stat", "table", "bargauge", "heatmap", "piechart"}
DATASOURCE = {"type": "prometheus", "uid": "sluice-prometheus"}


def promtool(*argv, seconds=200):
    done = subprocess.run(["promtool", *map(str, argv)], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid():
    promtool("check", "rules", *RULES)


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_the_rules_do_what_they_must(cases):
    promtool("test", "rules", cases)


def test_every_rule_has_its_cases():
    """An alert fires in one and is silent in another; a recorded series is asked for by its name."""
    fires, silent, asked = set(), set(), ""
    for test in itertools.chain.from_iterable(yaml.safe_load(path.read_text())["tests"] for path in CASES):
        for check in test.get("alert_rule_test", []):
            (fires if check["exp_alerts"] else silent).add(check["alertname"])
        asked += " ".join(check["expr"] for check in test.get("promql_expr_test", []) if check["exp_samples"]) + " "
    alerts = {rule["alert"] for rule in rules("alert")}
    assert fires == silent == alerts
    assert {rule["record"] for rule in rules("record")} == set(re.findall(r"sluice:\w+:\w+", asked))


def test_every_alert_says_what_a_person_needs():
    for rule in rules("alert"):
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
        assert all(text.strip() for text in rule["annotations"].values())


def test_the_runbook_has_a_section_for_each_alert_and_no_other():
    text = (ROOT / "docs/runbook.md").read_text()
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.M))
    urls = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules("alert")}
    assert set(sections) == set(urls)
    for name, url in urls.items():
        assert url == f"docs/runbook.md#{anchor(name)}"
        for part in ("Means", "Noticed as", "Look", "Cure", "Over when"):
            assert f"\n**{part}**" in "\n" + sections[name], f"{name} does not say: {part}"


def test_the_scrape_configurations_are_valid(tmp_path):
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.compose.yml")
    # Debian's promtool knows no kubernetes_sd_configs: everything else of the file.
    text = (PROMETHEUS / "prometheus.kubernetes.yml").read_text()
    discovery = "    kubernetes_sd_configs:\n      - role: pod\n"
    assert text.count(discovery) == 1
    (tmp_path / "kubernetes.yml").write_text(text.replace(discovery, ""))
    promtool("check", "config", "--syntax-only", tmp_path / "kubernetes.yml")
    for name in ("prometheus.compose.yml", "prometheus.kubernetes.yml"):
        config = yaml.safe_load((PROMETHEUS / name).read_text())
        assert config["rule_files"] == ["/etc/prometheus/rules/*.yml"]


def test_compose_scrapes_each_role_under_its_name():
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.compose.yml").read_text())["scrape_configs"]
    found = {job["job_name"]: (sd["names"], sd["type"], sd["port"]) for job in jobs for sd in job.get("dns_sd_configs", [])}
    assert found == {"gateway": (["gateway"], "A", 3000), "fb-collector": (["fb-collector"], "A", 3001),
                     "ttk-collector": (["ttk-collector"], "A", 3002), "reporter": (["reporter"], "A", 3003)}


def test_grafana_finds_its_source_and_its_dashboards():
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/sluice.yml").read_text())["datasources"]
    assert [(s["uid"], s["type"]) for s in sources] == [(DATASOURCE["uid"], "prometheus")]
    providers = yaml.safe_load((GRAFANA / "provisioning/dashboards/sluice.yml").read_text())["providers"]
    assert [(p["type"], p["options"]["path"]) for p in providers] == [("file", "/var/lib/grafana/dashboards")]


def test_the_dashboards_are_what_their_source_writes():
    subprocess.run([ROOT / "scripts/dashboards", "--check"], check=True, timeout=60)


def test_uids_and_titles_are_unique():
    boards = dashboards()
    assert len(boards) == 4
    for key in ("uid", "title"):
        assert len({board[key] for board in boards}) == len(boards)
    assert {f"{board['uid']}.json" for board in boards} == {path.name for path in DASHBOARDS}


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def values_of(node, key):
    """Every value of that key, anywhere below."""
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == key)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from values_of(child, key)


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board["uid"])
def test_a_dashboard_is_as_grafana_expects_it(board):
    assert 36 <= board["schemaVersion"] <= 39 and board["description"]
    assert all(source == DATASOURCE for source in values_of(board, "datasource"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels if panel["type"] != "stat"}) == sum(p["type"] != "stat" for p in panels)
    for panel in panels:
        grid = panel["gridPos"]
        assert panel["type"] in PANELS, panel["type"]
        assert panel["title"] and len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"] and len(set(values_of(panel, "refId"))) == len(panel["targets"])
        assert 0 <= grid["x"] and grid["x"] + grid["w"] <= 24 and grid["h"] > 0
        assert not any(overlap(grid, other["gridPos"]) for other in panels if other is not panel), panel["title"]


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board["uid"])
def test_a_dashboard_names_no_machine_and_uses_its_variables(board):
    queries = list(values_of(board["panels"], "expr"))
    for query in queries:
        assert not re.search(r'instance(=|=~|!=|!~)"(?!\$)|localhost|\d+\.\d+\.\d+\.\d+|:\d{4}\b', query), query
    used = {name for query in queries for name in re.findall(r"\$(\w+)", query)} - {"__rate_interval", "__range"}
    assert used == {variable["name"] for variable in board["templating"]["list"]}
