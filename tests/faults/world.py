"""The world of one case: servers, roles and a load of its own, all stopped when the case ends, whatever happened.

World runs each role as a plain process; Supervised has them under `sluice up`.
"""
import concurrent.futures
import contextlib
import os
import shutil
import signal
from urllib.parse import quote, urlparse

import psycopg2

import processes
from disks import small_disk
from harness.nats_client import NatsClient
from harness.roles import Role
from harness.servers import NatsServer, PostgresServer
from harness.stack import Stack
from harness.wait import wait_for
from pipeline import Pipeline
from proxy import Proxy

ROLES = ("gateway", "fb-collector", "ttk-collector", "reporter")
# Messages of a collector that died come again soon. The sizes are set, because roles that start at once on an empty server
# otherwise try sizes side by side.
SETTINGS = {"ACK_WAIT": "3s", "LOG_LEVEL": "info", "STREAM_MAX_BYTES": "1G", "DLQ_MAX_BYTES": "256M"}


class World(Pipeline):
    """Roles as plain processes."""

    def __init__(self, folder, seed=1, quick=False):
        super().__init__(folder, seed, quick)
        self.nats = self.postgres = self.database = None
        self.roles = {}
        self.env = {}

    def start(self, roles=ROLES, env=None, per_role=None, **servers):
        """env: settings of all roles, per_role: of some; servers: others than the usual ones."""
        self.start_servers(**servers)
        self.env.update(env or {})
        for name in roles:
            self.add_role(name, **(per_role or {}).get(name, {}))
        for role in self.roles.values():
            role.wait_ready(60)
        return self

    def start_servers(self, nats=None, postgres=None, database=None):
        self.nats = nats or self.server(NatsServer())
        self.postgres = postgres or self.server(PostgresServer())
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), [s for s in (self.nats, self.postgres) if not s.process]))
        self.database = database or self.postgres.new_database()
        self.env = {**SETTINGS, "NATS_URL": self.nats.url, "DATABASE_URL": self.database.url}

    def server(self, server):
        """Stops it at the end; its log is kept."""
        def end():
            with contextlib.suppress(OSError):
                shutil.copy(os.path.join(server.dir, "log"), self.folder / f"{os.path.basename(server.dir)}.log")
            server.remove()

        self.ending.callback(end)
        return server

    def add_role(self, name, label=None, **env):
        role = Role(name, str(self.folder), {**self.env, **env})
        self.roles[label or name] = role
        self.ending.callback(self._end_role, role)
        return role

    @staticmethod
    def _end_role(role):
        with contextlib.suppress(AssertionError):
            role.terminate(10)

    def on_small_disk(self, server, path, size):
        """Mounts a small filesystem for a server, which is dead when it goes."""
        disk = self.ending.enter_context(small_disk(path, size))
        self.ending.callback(lambda: server.process and server.process.kill9())
        return disk

    def proxy_to(self, url):
        """A proxy before the server of a URL, and the URL by way of it."""
        parsed = urlparse(url)
        proxy = Proxy(parsed.hostname, parsed.port)
        self.ending.callback(proxy.close)
        return proxy, url.replace(f":{parsed.port}", f":{proxy.port}")

    @property
    def gateway(self):
        return self.roles["gateway"]

    @property
    def collectors(self):
        return [role for role in self.roles.values() if role.name.endswith("collector")]

    @property
    def gateway_address(self):
        return "127.0.0.1", self.gateway.port

    def pids(self):
        return {name: role.pid for name, role in self.roles.items() if role.returncode is None}

    def is_ready(self, name):
        return self.roles[name].get("/health/readiness", timeout=5).status_code == 200

    def query(self, sql, params=None):
        return self.database.query(sql, params)

    def nats_client(self):
        return self.nats.client()

    def stored(self):
        return self.database.value("SELECT count(*) FROM processed_events")

    @contextlib.contextmanager
    def frozen(self, *pids):
        """SIGSTOP, and SIGCONT at the end; counts as healed then."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: all(processes.is_stopped(pid) for pid in pids), 10, "the processes to be stopped")
            yield
        finally:
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            self.healed()


class Supervised(Pipeline):
    """Everything under `sluice up`, which brings back what dies."""

    def start(self, env=None):
        self.site = Stack()
        self.ending.callback(self._end)
        self.site.up(env={**SETTINGS, **(env or {})}).wait_ready(60)
        secret = lambda name: quote((self.site.data / "secrets" / name).read_text().strip())  # noqa: E731
        self.nats_url = f"nats://sluice:{secret('nats')}@127.0.0.1:{self.site.port('nats-server')}"
        self.database_url = f"postgresql://sluice:{secret('postgres')}@127.0.0.1:{self.site.port('postgres')}/sluice"
        return self

    def _end(self):
        for log in self.site.data.glob("log/*.log"):
            shutil.copy(log, self.folder / log.name)
        self.site.remove()

    @property
    def gateway_address(self):
        return "127.0.0.1", self.site.port("gateway")

    def pids(self):
        rows = self.site.status()
        return {name: rows[name]["pid"] for name in ROLES if rows[name]["pid"]}

    def is_ready(self, name):
        return self.site.get(name, "/health/readiness", timeout=5).status_code == 200

    def query(self, sql, params=None):
        with contextlib.closing(psycopg2.connect(self.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def nats_client(self):
        return NatsClient(self.nats_url)
