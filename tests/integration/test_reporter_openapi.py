"""/openapi.json is the reporter's API: every operation of it is called with its examples, every answer fits its schema,
and the reporter takes no route and no parameter that it does not name."""
import contextlib
import csv
import io
import json
import pathlib
import re
import urllib.parse

import jsonschema
import pytest
import requests

from harness.process import free_port
from harness.reporter import roles
from harness.wait import wait_for

DOCUMENT = json.loads((pathlib.Path(__file__).parents[2] / "src/reporter/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = {path: methods["get"] for path, methods in DOCUMENT["paths"].items()}
REPORTS = [path for path in OPERATIONS if path.startswith("/reports/")]
RANGE = ("from", "to")
# Files that the page consists of; the page itself is in the document.
PAGE_FILE = re.compile(r"/\*$|\.(js|css|svg|png|ico|woff2|txt|map|webmanifest)$")

# The examples of the document speak of these events.
EVENT = {
    "eventId": "order-1", "timestamp": "2026-01-31T12:00:00Z", "source": "facebook", "funnelStage": "bottom",
    "eventType": "checkout.complete", "data": {
        "user": {"userId": "u-1", "name": "Ada", "age": 36, "gender": "female",
                 "location": {"country": "Germany", "city": "Berlin"}},
        "engagement": {"adId": "ad-1", "campaignId": "spring", "clickPosition": "center", "device": "mobile",
                       "browser": "Firefox", "purchaseAmount": "12.50"}}}
LIKES = [{"eventId": f"like-{followers}", "timestamp": "2026-01-31T12:01:00Z", "source": "tiktok", "funnelStage": "top",
          "eventType": "like", "data": {"user": {"userId": "t-1", "username": "bob", "followers": followers}}}
         for followers in (1200, "not-a-number")]


@pytest.fixture(scope="module")
def reporter(nats, postgres):
    database = postgres.new_database()
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url) as start:
        gateway, _, _ = start("gateway"), start("fb-collector"), start("ttk-collector")
        reporter = start("reporter")
        assert gateway.post("/webhook/events", EVENT, headers={"X-Correlation-Id": "hello-1"}).status_code == 200
        assert gateway.post("/webhook/events", LIKES, headers={"X-Correlation-Id": "hello-2"}).json()["failed"] == 1
        wait_for(lambda: reporter.get("/reports/events").json()["data"]["totalEvents"] == 2, 30, "the events to be stored")
        yield reporter


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def parameters_of(path, where):
    parameters = [resolve(p) for p in OPERATIONS[path].get("parameters", [])]
    return {p["name"]: p for p in parameters if p["in"] == where}


def url_of(path, segments=None):
    """The operation's path with its examples, or others, in the place of {names}."""
    for name, parameter in parameters_of(path, "path").items():
        value = (segments or {}).get(name, parameter["example"])
        path = path.replace("{%s}" % name, urllib.parse.quote(value, safe=""))
    return path


def text_of(value):
    return ",".join(value) if isinstance(value, list) else str(value)


def assert_fits(body, schema):
    validator = jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(body)]
    assert not problems, "\n".join(problems[:10])


def assert_documented(path, answer):
    """Status, content type, headers and body are among those that the document has for the operation."""
    responses = OPERATIONS[path]["responses"]
    assert str(answer.status_code) in responses, f"{answer.status_code}: {answer.text[:500]}"
    response = resolve(responses[str(answer.status_code)])
    for name, header in response.get("headers", {}).items():
        if name in answer.headers:
            value = answer.headers[name]
            schema = resolve(header)["schema"]
            assert_fits(int(value) if schema.get("type") == "integer" else value, schema)
    if "content" not in response:
        assert answer.content == b""
        return
    content_type = answer.headers["Content-Type"].split(";")[0]
    assert content_type in response["content"], content_type
    schema = response["content"][content_type]["schema"]
    assert_fits(json.loads(answer.text) if content_type == "application/json" else answer.text, schema)


def each_ref(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from each_ref(inner)


def test_the_document_is_sound(reporter):
    answer = reporter.get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.json() == DOCUMENT
    for node in each_ref(DOCUMENT):
        resolve(node)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    used = {node["$ref"] for node in each_ref(DOCUMENT)}
    held = {f"#/components/{kind}/{name}" for kind, things in DOCUMENT["components"].items() for name in things}
    assert used == held
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, operation in OPERATIONS.items():
        assert set(parameters_of(path, "path")) == set(re.findall(r"{(\w+)}", path))
        assert set(operation["tags"]) <= tags and operation["summary"]
        for parameter in (*parameters_of(path, "path").values(), *parameters_of(path, "query").values()):
            assert parameter["description"]
            if "example" in parameter:
                assert_fits(parameter["example"], parameter["schema"])


def test_every_route_is_in_it_and_no_other(reporter):
    """The reporter's own list of routes is that of its metrics."""
    series = [s for s in reporter.metrics() if s.startswith("http_request_duration_seconds_count{")]
    routes = {re.search('method="(.*?)",path="(.*?)"', s).groups() for s in series}
    assert routes and {method for method, _ in routes} == {"GET"}
    assert {path for _, path in routes if not PAGE_FILE.search(path)} == set(OPERATIONS)


@contextlib.contextmanager
def getting(reporter, url, **options):
    with requests.get(reporter.url + url, stream=True, timeout=30, **options) as answer:
        yield answer


@pytest.mark.parametrize("path", OPERATIONS)
def test_an_operation_answers_as_it_says(reporter, path):
    url = url_of(path)
    if "text/event-stream" in OPERATIONS[path]["responses"]["200"].get("content", {}):
        with getting(reporter, url) as answer:  # it does not end
            assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
            assert next(answer.iter_lines(decode_unicode=True)) is not None
    else:
        answer = reporter.get(url)
        assert answer.status_code == 200, answer.text[:500]
        assert_documented(path, answer)
    wrong = reporter.post(url, {})
    assert wrong.status_code == 405 and "GET" in wrong.headers["Allow"]
    assert_documented(path, wrong)


@pytest.mark.parametrize("path", REPORTS)
def test_a_report_takes_the_parameters_that_it_names_and_no_other(reporter, path):
    named = parameters_of(path, "query")
    answer = reporter.get(url_of(path) + "?nonsense=1")
    assert answer.status_code == 400 and answer.json()["code"] == "bad_parameter"
    assert_documented(path, answer)
    assert set(re.search(r" takes (.*)$", answer.json()["error"]).group(1).split(", ")) == set(named)


def values_of(parameter):
    schema = parameter["schema"]
    yield from schema.get("enum", [])
    if schema.get("type") == "array":
        yield from schema["items"]["enum"]
    if "example" in parameter:
        yield parameter["example"]


PARAMETERS = [(path, name) for path in REPORTS for name in parameters_of(path, "query")]


@pytest.mark.parametrize("path,name", PARAMETERS)
def test_a_parameter_is_taken_as_it_says(reporter, path, name):
    """Each value that the document names, with what it requires; and nothing twice, and nothing empty."""
    named = parameters_of(path, "query")
    needed = {n: text_of(named[n]["example"]) for n in named[name].get("x-requires", [])}
    for value in values_of(named[name]):
        query = {**needed, name: text_of(value)}
        if name == "interval" or "interval" in needed:
            query = {**{n: named[n]["example"] for n in RANGE}, **query}
        answer = reporter.get(url_of(path), params=query)
        assert answer.status_code == 200, f"{query}: {answer.text[:500]}"
        assert_documented(path, answer)
    for bad in ([(name, "")], [(name, text_of(v)) for v in 2 * list(values_of(named[name]))[:1]]):
        if not bad:
            continue
        answer = reporter.get(url_of(path), params=[*needed.items(), *bad])
        assert answer.status_code == 400 and answer.json()["error"].startswith(f"{name}:"), answer.text
        assert_documented(path, answer)


@pytest.mark.parametrize("path", ["/reports/events", "/reports/revenue"])
def test_series_and_groups_together(reporter, path):
    for dimension in ("source", "funnelStage", "eventType"):
        query = {n: parameters_of(path, "query")[n]["example"] for n in (*RANGE, "interval")}
        answer = reporter.get(url_of(path), params={**query, "groupBy": dimension})
        assert_documented(path, answer)
        buckets = answer.json()["data"]["series"]
        assert len(buckets) == 24 and any(bucket["groups"] for bucket in buckets)
        rows = list(csv.DictReader(io.StringIO(reporter.get(url_of(path), params={**query, "groupBy": dimension,
                                                                                 "format": "csv"}).text, newline="")))
        assert [row["start"] for row in rows] == [bucket["start"] for bucket in buckets]
        assert {f"groups.{name}" for bucket in buckets for name in bucket["groups"]} < set(rows[0])
    rows = list(csv.DictReader(io.StringIO(reporter.get(url_of(path), params={"groupBy": "source,campaignId", "format": "csv"}).text,
                                           newline="")))
    assert {"source": "facebook", "campaignId": "spring"}.items() <= rows[0].items()


@pytest.mark.parametrize("path,name", [(p, n) for p, n in PARAMETERS if "maximum" in parameters_of(p, "query")[n]["schema"]
                                       or "enum" in parameters_of(p, "query")[n]["schema"]])
def test_what_is_beyond_a_parameter_s_values_is_refused(reporter, path, name):
    schema = parameters_of(path, "query")[name]["schema"]
    beyond = [schema["minimum"] - 1, schema["maximum"] + 1] if "maximum" in schema else ["nonsense", schema["enum"][0] + "x"]
    for value in beyond:
        answer = reporter.get(url_of(path), params={name: value})
        assert answer.status_code == 400 and answer.json()["error"].startswith(f"{name}: "), answer.text


@pytest.mark.parametrize("path", REPORTS)
def test_csv_and_what_is_known_already(reporter, path):
    answer = reporter.get(url_of(path), params={"format": "csv"})
    assert answer.status_code == 200 and answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert_documented(path, answer)
    rows = list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))
    assert len(rows) > 1 and {len(row) for row in rows} == {len(rows[0])}
    again = reporter.get(url_of(path), params={"format": "csv"}, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert_documented(path, again)


@pytest.mark.parametrize("path", [path for path in REPORTS if "404" in OPERATIONS[path]["responses"]])
def test_what_is_not_there_is_not_found(reporter, path):
    strange = {name: "no/such é" for name, p in parameters_of(path, "path").items() if "enum" not in p["schema"]}
    answer = reporter.get(url_of(path, strange))
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"
    assert_documented(path, answer)
    if "source" in parameters_of(path, "path"):
        assert reporter.get(url_of(path, {"source": "myspace"})).status_code in (400, 404)


@pytest.fixture(scope="module")
def lonely():
    """A reporter without a database and without NATS."""
    nowhere = free_port()
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(roles(NATS_URL=f"nats://127.0.0.1:{nowhere}",
                                          DATABASE_URL=f"postgresql://sluice@127.0.0.1:{nowhere}/none"))
        yield start("reporter", ready=False)


@pytest.mark.parametrize("path", REPORTS + ["/health/readiness"])
def test_without_its_servers_it_says_so(lonely, path):
    answer = lonely.get(url_of(path))
    assert answer.status_code == 503, answer.text
    assert_documented(path, answer)
    if path in REPORTS:
        assert answer.json()["code"] in ("database_unavailable", "nats_unavailable") and "Retry-After" in answer.headers
