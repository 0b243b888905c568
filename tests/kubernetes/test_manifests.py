"""deploy/kubernetes: valid by the published schemas, and true to the program."""
import copy
import re
import subprocess

import pytest

from harness.binary import sluice_binary
from harness.roles import Role

PORTS = {"gateway": 3000, "fb-collector": 3001, "ttk-collector": 3002, "reporter": 3003}
SECONDS = {"ms": 0.001, "s": 1, "m": 60}


def help_of(*words):
    return subprocess.run([sluice_binary(), *words, "--help"], capture_output=True, text=True, check=True).stdout


def settings_of(command):
    return set(re.findall(r"\(([A-Z_]+)[,;]", help_of(command)))


def of_kind(objects, kind):
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def pod_templates(objects):
    return {name: o["spec"]["template"] for kind in ("Deployment", "Job") for name, o in of_kind(objects, kind).items()}


def containers(objects):
    """[(pod spec, container)]"""
    return [(t["spec"], c) for t in pod_templates(objects).values()
            for c in t["spec"].get("initContainers", []) + t["spec"]["containers"]]


def selects(selector, labels):
    terms = {"In": lambda e: labels.get(e["key"]) in e["values"]}
    return (all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
            and all(terms[e["operator"]](e) for e in selector.get("matchExpressions", [])))


def chosen(objects, selector):
    return {name for name, template in pod_templates(objects).items() if selects(selector, template["metadata"]["labels"])}


def test_they_are_valid(objects, faults):
    assert [(o["kind"], o["metadata"]["name"], wrong) for o, wrong in zip(objects, faults(objects)) if wrong] == []


@pytest.mark.parametrize("spoil, said", [
    (lambda o: o["spec"]["template"]["spec"]["containers"][0].update(livenessProb={}), "livenessProb is no field"),
    (lambda o: o["spec"]["template"]["spec"].update(terminationGracePeriodSeconds="40"), "must be integer"),
    (lambda o: o["spec"].pop("selector"), "selector"),
    (lambda o: o.update(apiVersion="apps/v0"), "no kind Deployment in apps/v0"),
])
def test_what_is_not_valid_is_seen(objects, faults, spoil, said):
    broken = copy.deepcopy(of_kind(objects, "Deployment")["sluice-gateway"])
    spoil(broken)
    assert said in str(faults([broken]))


def test_each_role_is_there(objects):
    assert set(of_kind(objects, "Deployment")) == {f"sluice-{role}" for role in PORTS}
    for role, port in PORTS.items():
        template = of_kind(objects, "Deployment")[f"sluice-{role}"]["spec"]["template"]
        (container,) = template["spec"]["containers"]
        assert container["args"] == [role]
        assert container["ports"] == [{"name": "http", "containerPort": port}]
        assert f"{role} {port}" in help_of(role)
        annotations = template["metadata"]["annotations"]
        assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", str(port))
        assert template["metadata"]["labels"]["app.kubernetes.io/component"] == role
        for probe, path in [("startup", "liveness"), ("readiness", "readiness"), ("liveness", "liveness")]:
            assert container[f"{probe}Probe"]["httpGet"] == {"path": f"/health/{path}", "port": "http"}


def test_the_setup_prepares_streams_and_schema(objects):
    spec = of_kind(objects, "Job")["sluice-setup"]["spec"]["template"]["spec"]
    assert [c["args"] for c in spec["initContainers"] + spec["containers"]] == [["init"], ["migrate"]]


def test_containers_are_confined_and_limited(objects):
    for spec, container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}


def test_images_bear_the_version(objects):
    version = subprocess.run([sluice_binary(), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    for _, container in containers(objects):
        name, _, tag = container["image"].rpartition(":")
        assert name.split("/")[-1] == "sluice" and tag == version


def test_every_variable_is_a_setting_and_every_secret_is_one(objects):
    maps = of_kind(objects, "ConfigMap")
    known = set().union(*(settings_of(role) for role in PORTS))
    assert of_kind(objects, "Secret") == {}
    for _, container in containers(objects):
        needed = settings_of(container["args"][0]) & {"NATS_URL", "DATABASE_URL"}
        assert {e["name"] for e in container["env"]} == needed
        for e in container["env"]:
            assert e["valueFrom"] == {"secretKeyRef": {"name": "sluice", "key": e["name"]}}
        (source,) = container["envFrom"]
        assert set(maps[source["configMapRef"]["name"]]["data"]) <= known


def test_there_is_time_to_stop(objects):
    (settings,) = of_kind(objects, "ConfigMap").values()
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", settings["data"]["SHUTDOWN_TIMEOUT"]).groups()
    for deployment in of_kind(objects, "Deployment").values():
        spec = deployment["spec"]["template"]["spec"]
        before = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        assert spec["terminationGracePeriodSeconds"] > before + int(number) * SECONDS[unit]


def test_what_selects_finds_its_pods(objects):
    for name, service in of_kind(objects, "Service").items():
        assert chosen(objects, {"matchLabels": service["spec"]["selector"]}) == {name}
        assert [p["targetPort"] for p in service["spec"]["ports"]] == ["http"]
        assert service["spec"]["ports"][0]["port"] == PORTS[name.removeprefix("sluice-")]
    budgets = of_kind(objects, "PodDisruptionBudget")
    assert set(budgets) == set(of_kind(objects, "Deployment"))
    for name, budget in budgets.items():
        assert chosen(objects, budget["spec"]["selector"]) == {name}
    for name, deployment in of_kind(objects, "Deployment").items():
        assert chosen(objects, deployment["spec"]["selector"]) == {name}
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [chosen(objects, c["labelSelector"]) for c in spread] == [{name}, {name}]


def test_ingresses_lead_to_services(objects):
    services = of_kind(objects, "Service")
    for ingress in of_kind(objects, "Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            assert backend["port"]["name"] in [p["name"] for p in services[backend["name"]]["spec"]["ports"]]


def test_the_network_is_closed_but_for_what_is_needed(objects):
    def allowed(direction):
        return {(pod, port["port"])
                for policy in of_kind(objects, "NetworkPolicy").values()
                for pod in chosen(objects, policy["spec"]["podSelector"])
                for rule in policy["spec"].get(direction, []) for port in rule["ports"]}

    deny = of_kind(objects, "NetworkPolicy")["sluice-default-deny"]["spec"]
    everything = set(pod_templates(objects))
    assert chosen(objects, deny["podSelector"]) == everything
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"} and not {"ingress", "egress"} & set(deny)
    assert allowed("egress") == {(pod, port) for pod in everything for port in (53, 4222)} | {
        (pod, 5432) for pod in everything - {"sluice-gateway"}}
    assert allowed("ingress") == {(pod, "http") for pod in everything}
    clients = of_kind(objects, "NetworkPolicy")["sluice-clients"]["spec"]["podSelector"]
    assert chosen(objects, clients) == {"sluice-gateway", "sluice-reporter"}


def test_autoscalers_have_their_measure(objects, tmp_path):
    """Of the collectors: a metric that a live one has."""
    scalers = of_kind(objects, "HorizontalPodAutoscaler")
    assert set(scalers) == {"sluice-gateway", "sluice-fb-collector", "sluice-ttk-collector"}
    for name, scaler in scalers.items():
        spec = scaler["spec"]
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        assert "replicas" not in of_kind(objects, "Deployment")[name]["spec"], "the scaler's number would be undone"
        (metric,) = spec["metrics"]
        if name == "sluice-gateway":
            assert metric["resource"]["name"] == "cpu"
            continue
        role = Role(name.removeprefix("sluice-"), str(tmp_path), {"NATS_URL": "nats://127.0.0.1:9",
                                                                  "DATABASE_URL": "postgresql://127.0.0.1:9/none"})
        try:
            assert metric["external"]["metric"]["name"] in role.wait_alive().metrics()
        finally:
            assert role.terminate() == 0
