"""Sends as a publisher does, whatever dies meanwhile, and holds a stack's reports against a count by brute force."""
import gzip
import json
import time
import uuid

import requests

from . import oracle


def send(url, body):
    """Posts until it is answered 200, as a publisher does; how many tries that took."""
    data = gzip.compress(json.dumps(body).encode(), 1)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "X-Correlation-Id": str(uuid.uuid4())}
    for attempt in range(1, 400):
        try:
            answer = requests.post(url, data=data, headers=headers, timeout=30)
            if answer.status_code == 200:
                counts = answer.json()
                assert counts["processed"] + counts["failed"] == len(body)
                return attempt
            assert answer.status_code == 503, answer.text
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError("a request was never answered 200")


def report(stack, name, **filters):
    answer = stack.get("reporter", f"/reports/{name}", params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def assert_events_equal(stack, events, **filters):
    data = report(stack, "events", **filters)
    wanted = oracle.events_report(events)
    assert {k: data[k] for k in wanted} == wanted


def assert_revenue_equal(stack, events):
    for filters in ({}, {"source": "facebook"}, {"campaignId": "campaign-3"}, {"campaignId": "unknown"}):
        data = report(stack, "revenue", **filters)
        wanted = oracle.revenue_report(events, filters.get("source"), filters.get("campaignId"))
        for name, value in wanted.items():
            if isinstance(value, dict):
                got = {k: f"{v:.2f}" for k, v in data[name].items()}
                assert got == {k: f"{v:.2f}" for k, v in value.items()}, (filters, name)
            elif name == "totalRevenue":
                assert f"{data[name]:.2f}" == f"{value:.2f}", filters
            else:
                assert data[name] == value, (filters, name)


def assert_demographics_equal(stack, events):
    data = report(stack, "demographics")
    wanted = oracle.demographics_report(events)
    got = {"ageGroups": data["facebook"]["ageGroups"], "genderDistribution": data["facebook"]["genderDistribution"],
           "followerRanges": data["tiktok"]["followerRanges"]}
    for name, counts in wanted.items():
        assert {k: v for k, v in got[name].items() if v} == counts, name
