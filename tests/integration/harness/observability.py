"""The rules, dashboards and documents of deploy/ and docs/ as the tests read them."""
import json
import re

import yaml

from .binary import ROOT

RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
CASES = sorted((ROOT / "tests/prometheus").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))

NO_NAMES = {"and", "or", "unless", "bool", "offset", "ignoring", "inf", "nan"}


def rules(kind):
    """All rules of that kind: "alert" or "record"."""
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
            if kind in rule]


def dashboards():
    return [json.loads(path.read_text()) for path in DASHBOARDS]


def panel_queries():
    """(dashboard: panel, query) of every target of every panel."""
    return [(f"{board['title']}: {panel['title']}", target["expr"])
            for board in dashboards() for panel in board["panels"] for target in panel.get("targets", [])]


def filled_in(query, window="10s", time_range="5m"):
    """A panel's query as Grafana sends it, all processes chosen."""
    query = query.replace("$__rate_interval", window).replace("$__range", time_range)
    query = re.sub(r'"\$\w+"', '".*"', query)
    assert "$" not in query, query
    return query


def metric_names(query):
    """The names a query selects series by, and the patterns of names."""
    patterns = re.findall(r'__name__=~"([^"]*)"', query)
    text = re.sub(r'"[^"]*"', "", query)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    words = re.findall(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])", text)
    return {w for w in words if w.lower() not in NO_NAMES}, set(patterns)


def section(path, title):
    """The text of a document below `## title`, up to the next heading of that rank."""
    text = (ROOT / path).read_text()
    assert f"\n## {title}\n" in text, f"{path} has no section {title}"
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def anchor(heading):
    """As GitHub and most others make them of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def documented_metrics():
    """{name: (type, labels)} of the tables in docs/operations.md; *_collector_x stands for each collector's."""
    found = {}
    for line in section("docs/operations.md", "Metrics, alerts, dashboards").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        match = re.fullmatch(r"`([\w*]+)`", cells[0]) if line.startswith("|") else None
        if match:
            labels = set(re.findall(r"`(\w+)`", cells[2]))
            for prefix in ("fb", "ttk") if match[1].startswith("*") else ("",):
                name = match[1].replace("*", prefix)
                assert name not in found, f"{name} stands there twice"
                found[name] = (cells[1], labels)
    return found


def exported_metrics(text):
    """{name: (type, labels)} of an exposition."""
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    found = {name: (kind, set()) for name, kind in types.items()}
    for series in re.findall(r"^(\w+)\{(.*)\} ", text, re.M):
        name = next(n for n in (series[0], re.sub("_(bucket|sum|count)$", "", series[0])) if n in found)
        found[name][1].update(set(re.findall(r'(\w+)="', series[1])) - {"le"})
    return found
