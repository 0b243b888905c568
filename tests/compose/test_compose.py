"""docker-compose.yml on a real engine: what is refused, what the containers may, that it works, scales and keeps its
data. The tests of the running project go from top to bottom."""
import re
import subprocess
import time

import pytest

from engine import HOME
from harness.binary import sluice_binary
from harness.events import facebook_checkout, facebook_event, tiktok_event
from harness.wait import wait_for
from images import BASE, OURS
from project import SERVICES, Project

MIB = 1 << 20
EXTRA_MAX = 60 * 10**6
pytestmark = pytest.mark.timeout(1800)  # the first one waits for the images to be made
SAMPLES = ["POSTGRES_PASSWORD", "NATS_PASSWORD", "GRAFANA_PASSWORD"]


# The files.

@pytest.mark.parametrize("extra", [(), ("docker-compose.dev.yml",), ("docker-compose.staging.yml",)])
def test_every_setting_reaches_its_role(engine, env_file, extra):
    services = Project(engine, env_file, ("docker-compose.yml", *extra)).config()["services"]
    for role in [*SERVICES, "publisher", "init", "migrate"]:
        described = subprocess.run([sluice_binary(), role, "--help"], capture_output=True, text=True, check=True).stdout
        settings = set(re.findall(r"^  --[a-z-]+  \(([A-Z_]+)", described, re.MULTILINE))
        assert settings, role
        # The image says where a container listens, compose what is published.
        assert settings - {"HOST", "PORT"} <= set(services[role]["environment"]), role


def test_every_service_is_hardened(engine, env_file):
    for name, service in Project(engine, env_file).config()["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["cpus"] and service["pids_limit"], name


@pytest.mark.parametrize("name", SAMPLES)
def test_a_missing_password_is_named(engine, tmp_path, name):
    (tmp_path / "env").write_text("".join(f"{n}=x\n" for n in SAMPLES if n != name), encoding="ascii")
    done = Project(engine, tmp_path / "env").run("config", check=False)
    assert done.returncode != 0 and f"set {name}" in done.stderr


# The image.

def test_the_image_is_small_and_holds_no_tools(engine, base_and_ours, say):
    extra = engine.size(OURS) - engine.size(BASE)
    say(f"the image has {extra / 1e6:.1f} MB on top of {BASE}")
    assert 0 < extra <= EXTRA_MAX
    for tool in ("cc", "gcc", "g++", "c++", "clang", "as", "ld", "make", "ninja", "cmake", "curl", "wget"):
        found = engine.run("run", "--rm", "--network=none", "--entrypoint", "sh", OURS, "-c", f"command -v {tool}", check=False)
        assert found.returncode == 127 or (found.returncode == 1 and not found.stdout), (tool, found.stdout)


def test_the_image_explains_itself(engine, base_and_ours):
    assert "usage: sluice COMMAND" in engine.run("run", "--rm", "--network=none", OURS).stdout
    done = engine.run("run", "--rm", "--network=none", "--entrypoint", "id", OURS)
    assert "uid=10001(sluice) gid=10001(sluice)" in done.stdout
    done = engine.run("run", "--rm", "--network=none", OURS, "health", check=False)
    assert done.returncode == 2 and "which role?" in done.stderr


# Passwords.

def check_secrets(engine, env_file, files):
    project = Project(engine, env_file, files, name="sluice-test-secrets")
    try:
        return project.run("run", "--rm", "secrets-check", check=False)
    finally:
        project.remove()


def test_sample_passwords_start_nothing_in_production(engine, base_and_ours):
    project = Project(engine, HOME / "env.example", name="sluice-test-samples")
    try:
        done = project.run("up", "--detach", "--no-build", *SERVICES, check=False)
        assert done.returncode != 0
        assert [c["Config"]["Labels"]["com.docker.compose.service"] for c in project.containers(every=True)
                if c["State"]["StartedAt"] > "0002"] == ["secrets-check"]
        said = project.run("logs", "secrets-check").stdout
    finally:
        project.remove()
    assert all(f"{name} is the sample password of env.example: set one of your own in .env" in said for name in SAMPLES)


@pytest.mark.parametrize("file", ["docker-compose.dev.yml", "docker-compose.staging.yml"])
def test_sample_passwords_are_taken_elsewhere(engine, base_and_ours, file):
    done = check_secrets(engine, HOME / "env.example", ("docker-compose.yml", file))
    assert done.returncode == 0, done.stderr


def test_a_password_that_breaks_a_url_is_refused(engine, base_and_ours, tmp_path):
    (tmp_path / "env").write_text("POSTGRES_PASSWORD=a b@c\nNATS_PASSWORD=a@b\nGRAFANA_PASSWORD=x\n", encoding="ascii")
    done = check_secrets(engine, tmp_path / "env", ("docker-compose.yml",))
    assert done.returncode == 1 and "NATS_PASSWORD" in done.stdout + done.stderr
    assert "POSTGRES" not in done.stdout + done.stderr and "a@b" not in done.stdout + done.stderr


# The project that is up.

def test_everything_becomes_healthy(project):
    for service in [*SERVICES, "postgres", "prometheus"]:
        project.wait_health(service)
    for once in ("secrets-check", "init", "migrate"):
        [container] = project.containers(once, every=True)
        assert container["State"]["Status"] == "exited" and container["State"]["ExitCode"] == 0, once


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_role_may(project, service):
    [container] = project.containers(service)
    status = project.exec(container, "cat", "/proc/1/status").stdout
    assert re.search(r"^Uid:\s+10001\s+10001\s+10001", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE) and re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    for folder in ("/", "/tmp", "/usr/local/bin", "/var/lib"):
        wrote = project.exec(container, "touch", f"{folder}/x", check=False)
        assert wrote.returncode == 1 and "Read-only file system" in wrote.stderr, folder
    assert project.exec(container, "sluice", "health").stdout.startswith(f"{service} on port ")
    limit = container["HostConfig"]["Memory"]
    seen = project.exec(container, "sh", "-c", "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes",
                        check=False).stdout.split()
    assert limit >= 512 * MIB and str(limit) in seen


def test_nothing_but_what_must_be_is_open(project):
    for service in ("postgres", "nats", "fb-collector", "ttk-collector"):
        for container in project.containers(service):
            assert not any(container["NetworkSettings"]["Ports"].values()), service
    for service in ("gateway", "reporter", "prometheus"):
        for container in project.containers(service):
            for bindings in container["NetworkSettings"]["Ports"].values():
                assert all(b["HostIp"] == "127.0.0.1" for b in bindings or []), service


def stored(project, count):
    def all_there():
        report = project.report()
        assert report["totalEvents"] == count, report
        return True

    wait_for(all_there, 60, f"{count} events in the report")


def test_events_come_through(project):
    events = [facebook_event() for _ in range(20)] + [tiktok_event() for _ in range(10)] + [facebook_checkout()]
    answer = project.post(events)
    assert answer["success"] is True
    project.post(events)  # sent again: counted once
    stored(project, 31)
    assert project.report()["eventsBySource"] == {"facebook": 21, "tiktok": 10}


def test_prometheus_sees_every_role(project):
    wait_for(lambda: len(project.query('up{job=~"gateway|fb-collector|ttk-collector|reporter"} == 1')) == 4, 60,
             "four targets that are up")


def test_more_gateways_and_collectors(project):
    project.up("--scale", "gateway=3", "--scale", "fb-collector=2", "--scale", "ttk-collector=2", "--no-recreate")
    for service, count in (("gateway", 3), ("fb-collector", 2), ("ttk-collector", 2)):
        project.wait_health(service, count)
    assert len(set(project.urls("gateway"))) == 3
    for replica in range(3):
        project.post([facebook_event() for _ in range(10)] + [tiktok_event() for _ in range(10)], replica)
    stored(project, 91)
    for job, count in (("gateway", 3), ("fb-collector", 2), ("ttk-collector", 2)):
        wait_for(lambda j=job, n=count: len(project.query(f'up{{job="{j}"}} == 1')) == n, 90, f"{count} targets of {job}")


def test_our_publisher(project):
    done = project.run("--profile", "publisher", "run", "--rm", "publisher", "publisher", "--count", "200", "--rate", "max",
                       "--corrupt", "0", "--duplicates", "0")
    assert done.returncode == 0
    stored(project, 291)


def test_an_operator_needs_nothing_else(project):
    [collector, *_] = project.containers("fb-collector")
    assert "OK: every accepted event is accounted for" in project.exec(collector, "sluice", "audit").stdout
    [gateway, *_] = project.containers("gateway")
    assert "0 dead letters of" in project.exec(gateway, "sluice", "dlq", "ls").stdout
    [postgres] = project.containers("postgres")
    restored = project.exec(postgres, "sh", "-ec", """createdb -U sluice copy
        pg_dump -U sluice -Fc sluice | pg_restore -U sluice -d copy
        psql -U sluice -d copy -Atc 'SELECT count(*) FROM processed_events'
        dropdb -U sluice copy""")
    assert restored.stdout.split() == ["291"]


def test_a_role_without_its_database_is_unhealthy_and_says_why(project):
    [postgres] = project.containers("postgres")
    project.engine.run("stop", postgres["Id"])
    try:
        project.wait_health("reporter", status="unhealthy")
        [reporter] = project.containers("reporter")
        said = reporter["State"]["Health"]["Log"][-1]["Output"]
        assert "reporter on port 3003 is not ready" in said and "database: " in said
        assert project.health("gateway") == ["healthy"] * 3
        project.post([facebook_event() for _ in range(9)])  # taken all the same
    finally:
        project.engine.run("start", postgres["Id"])
    project.wait_health("reporter")
    stored(project, 300)


def test_data_outlives_the_containers(project):
    before = time.time()
    assert project.query('up{job="reporter"}', before)
    project.down()
    assert not project.containers(every=True)
    project.up()
    for service in [*SERVICES, "postgres", "prometheus"]:
        project.wait_health(service)
    stored(project, 300)
    project.post([tiktok_event()])
    stored(project, 301)
    assert project.query('up{job="reporter"}', before), "Prometheus has lost its samples"
