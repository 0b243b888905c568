"""The NATS library gives a connection up when a server that it comes back to refuses it. Only a new process mends that."""
import pytest

from harness.events import facebook_event
from harness.servers import NatsServer, running
from harness.wait import wait_for

CONFIG = 'authorization {{ user: "sluice", password: "{}" }}\n'


class GuardedServer(NatsServer):
    """Takes one password, which can be changed while it is stopped."""

    def __init__(self):
        super().__init__()
        with open(self.config, encoding="ascii") as config:
            self.plain = config.read()
        self.set_password("first")

    def set_password(self, password):
        self.password = password
        with open(self.config, "w", encoding="ascii") as config:
            config.write(self.plain + CONFIG.format(password))

    @property
    def url(self):
        return f"nats://sluice:{self.password}@127.0.0.1:{self.port}"


@pytest.fixture
def nats():
    with running(GuardedServer()) as server:
        yield server


def test_roles_end_and_come_back_with_what_is_right_then(nats, database, start_role):
    roles = [start_role("gateway"), start_role("fb-collector")]
    for role in roles:
        wait_for(lambda r=role: r.get("/health/readiness").status_code == 200, 30, f"{role.name} to be ready")
    nats.stop()
    nats.set_password("second")
    nats.start()
    for role in roles:
        wait_for(lambda r=role: r.returncode is not None, 60, f"{role.name} to end")
        assert role.returncode == 1
        assert [line for line in role.log_lines() if line.get("event") == "nats.closed"]
        assert [line for line in role.log_lines() if line.get("event") == "service.stop"], "it ends in order"
        role.env["NATS_URL"] = nats.url
        role.start()
        wait_for(lambda r=role: r.get("/health/readiness").status_code == 200, 30, f"{role.name} to be ready again")
    assert roles[0].post("/webhook/events", facebook_event()).status_code == 200
    wait_for(lambda: database.value("SELECT count(*) FROM processed_events") == 1, 30, "the event to be stored")
