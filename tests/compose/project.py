"""One start of docker-compose.yml, under a project name of its own."""
import json
import os
import subprocess

import requests

from engine import HOME
from harness.wait import wait_for

SERVICES = ["gateway", "fb-collector", "ttk-collector", "reporter"]
PORTS = {"gateway": 3000, "reporter": 3003, "prometheus": 9090}


def compose_command(env):
    """The plugin where there is one, else the program of Debian 12."""
    if subprocess.run(["docker", "compose", "version"], env=env, capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"]


class Project:
    def __init__(self, engine, env_file, files=("docker-compose.yml",), name=None):
        self.engine = engine
        self.name = name or f"sluice-test-{os.getpid()}"
        self.program = compose_command(engine.env)
        self.base = ["--project-name", self.name, "--project-directory", str(HOME), "--env-file", str(env_file)]
        for file in files:
            self.base += ["--file", str(HOME / file)]
        # What the developer has set must not reach the project: the environment wins over the env file.
        self.env = {k: v for k, v in engine.env.items() if k in ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "LANG")}

    def run(self, *argv, check=True, seconds=300):
        done = subprocess.run([*self.program, *self.base, *argv], env=self.env, capture_output=True, text=True,
                              timeout=seconds, check=False, cwd=HOME)
        assert not check or done.returncode == 0, (
            f"compose {' '.join(argv)}: {done.stdout[-2000:]}{done.stderr[-4000:]}\n{self.failed_logs()}")
        return done

    def config(self):
        """As the roles get it: docker-compose 1 prints YAML only, and so does its successor by default."""
        import yaml

        return yaml.safe_load(self.run("config").stdout)

    def failed_logs(self):
        """The last words of the containers that are not well."""
        said = []
        for container in self.containers(every=True):
            state = container["State"]
            if state["ExitCode"] or state.get("Health", {}).get("Status") == "unhealthy":
                logs = self.engine.run("logs", "--tail", "20", container["Id"], check=False)
                said.append(f"--- {container['Name']}: {json.dumps(state)[:1500]}\n{logs.stdout}{logs.stderr}")
        return "\n".join(said)

    def containers(self, service=None, every=False):
        """What docker inspect says of each, in the order of their numbers."""
        filters = ["--filter", f"label=com.docker.compose.project={self.name}"]
        if service:
            filters += ["--filter", f"label=com.docker.compose.service={service}"]
        ids = self.engine.run("ps", "--quiet", "--no-trunc", *(["--all"] if every else []), *filters).stdout.split()
        found = json.loads(self.engine.run("inspect", *ids).stdout) if ids else []
        return sorted(found, key=lambda c: int(c["Config"]["Labels"]["com.docker.compose.container-number"]))

    def health(self, service):
        return [c["State"]["Health"]["Status"] for c in self.containers(service)]

    def wait_health(self, service, count=1, status="healthy", seconds=120):
        def well():
            found = self.health(service)
            assert found == [status] * count, f"{service}: {found}\n{self.failed_logs()}"
            return True

        wait_for(well, seconds, f"{count} of {service} to be {status}")

    def up(self, *argv):
        """Without Grafana, whose image only a registry has."""
        self.run("up", "--detach", "--no-build", *argv, *SERVICES, "prometheus", seconds=600)

    def exec(self, container, *argv, check=True):
        return self.engine.run("exec", container["Id"], *argv, check=check)

    def urls(self, service):
        """Where each replica is published."""
        return [f"http://127.0.0.1:{c['NetworkSettings']['Ports'][f'{PORTS[service]}/tcp'][0]['HostPort']}"
                for c in self.containers(service)]

    def post(self, events, replica=0):
        answer = requests.post(self.urls("gateway")[replica] + "/webhook/events", json=events, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def report(self):
        answer = requests.get(self.urls("reporter")[0] + "/reports/events", timeout=30,
                              params={"from": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z"})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression, at=None):
        """The values of a Prometheus query by instance; at: as of that time, in seconds since 1970."""
        answer = requests.get(self.urls("prometheus")[0] + "/api/v1/query", params={"query": expression, "time": at},
                              timeout=30)
        return {r["metric"].get("instance"): float(r["value"][1]) for r in answer.json()["data"]["result"]}

    def down(self, *argv):
        self.run("--profile", "publisher", "down", "--remove-orphans", "--timeout", "40", *argv)

    def remove(self):
        """Whatever the tests left, their data included."""
        self.run("--profile", "publisher", "down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
