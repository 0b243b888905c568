"""More than one server: a NATS cluster of three, and PostgreSQL with a standby."""
import os

import requests

from .nats_client import JetStreamError, NatsClient
from .process import free_port
from .servers import Database, NatsServer, PostgresServer
from .wait import wait_for


class NatsCluster:
    """Looks like one NatsServer; its members are `servers`."""

    def __init__(self, size=3):
        self.servers = [NatsServer() for _ in range(size)]
        self.names = [f"node-{i}" for i in range(size)]
        ports = [free_port() for _ in range(size)]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        for server, name, port in zip(self.servers, self.names, ports):
            with open(server.config, "a", encoding="ascii") as config:
                config.write(f"server_name: {name}\n"
                             f'cluster {{ name: test, listen: "127.0.0.1:{port}", routes: [{routes}] }}\n')

    @property
    def process(self):
        return self.servers[0].process

    @property
    def url(self):
        return ",".join(server.url for server in self.servers)

    def alive(self):
        return [server for server in self.servers if server.process and server.process.alive()]

    def client(self):
        return NatsClient(self.alive()[0].url)

    def start(self):
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait_answer(60)
        wait_for(lambda: self.alive() == self.servers and self._has_all_peers(), 60, "the cluster to be whole")

    def _has_all_peers(self):
        """Whether the leader of JetStream sees every node: before that no stream of three replicas can be made."""
        for server in self.servers:
            meta = requests.get(server.monitor_url + "/jsz", timeout=5).json()["meta_cluster"]
            if meta.get("leader") == self.names[self.servers.index(server)]:
                return len([peer for peer in meta.get("replicas", []) if peer["current"]]) == len(self.servers) - 1
        return False

    def remove(self):
        for server in self.servers:
            server.remove()

    def leader_of(self, stream):
        """The server that leads a stream; None while there is none."""
        with self.client() as client:
            try:
                leader = client.api(f"STREAM.INFO.{stream}")["cluster"].get("leader")
            except JetStreamError:
                return None
        return self.servers[self.names.index(leader)] if leader in self.names else None


def make_standby(primary, synchronous, port=None):
    """A running standby of a running primary, from its own base backup; port: of a way to the primary."""
    standby = PostgresServer(init=False)
    try:
        standby.run("pg_basebackup", "--pgdata", standby.data, "--checkpoint=fast", "--write-recovery-conf",
                    "--dbname", f"postgresql://sluice@127.0.0.1:{port or primary.port}/?application_name=standby")
        os.chmod(standby.data, 0o700)
        standby.start()
        if synchronous:
            primary.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            primary.execute("postgres", "SELECT pg_reload_conf()")
        wanted = "sync" if synchronous else "async"
        wait_for(lambda: primary.query("postgres", "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
                 == [(wanted,)], 30, "the standby to stream")
    except BaseException:
        standby.remove()
        raise
    return standby


class FailoverDatabase(Database):
    """A database that clients look for on both servers; questions go to whichever `server` is."""

    def __init__(self, primary, standby, name):
        super().__init__(primary, name)
        self.standby = standby
        self.url = f"postgresql://sluice@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/{name}"

    def fail_over(self):
        self.server.kill9()
        self.standby.execute("postgres", "SELECT pg_promote()")
        self.server = self.standby
