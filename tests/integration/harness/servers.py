"""A private nats-server and a private PostgreSQL cluster, which a test can stop, kill and pause."""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg2

from .nats_client import NatsClient
from .process import Process, _drop_privileges, free_port, own
from .wait import wait_for


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Server:
    """What both have in common: a folder, a port and a process."""

    def __init__(self, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix=f"sluice-test-{name}-")
        own(self.dir)
        self.port = free_port()
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def _start_process(self, argv):
        self.process = Process(argv, os.path.join(self.dir, "log"), unprivileged=True, cwd="/")

    def log_text(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill9(self):
        self.process.kill9()

    def pause(self):
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def remove(self):
        if self.process and self.process.alive():
            self.process.kill9()
        shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def running(server):
    """Started, and removed whatever happens."""
    try:
        server.start()
        yield server
    finally:
        server.remove()


class NatsServer(Server):
    def __init__(self, max_file_store=8 << 30):
        super().__init__("nats")
        self.monitor_port = free_port()
        self.config = os.path.join(self.dir, "nats.conf")
        with open(self.config, "w", encoding="ascii") as config:
            config.write(f"""host: 127.0.0.1
port: {self.port}
http: "127.0.0.1:{self.monitor_port}"
jetstream {{ store_dir: "{self.dir}/store", max_file_store: {max_file_store}, max_memory_store: 67108864 }}
""")
        own(self.config)

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor_url(self):
        return f"http://127.0.0.1:{self.monitor_port}"

    def client(self):
        return NatsClient(self.url)

    def messages(self, stream):
        with self.client() as client:
            return client.messages(stream)

    def launch(self):
        self._start_process([shutil.which("nats-server") or "/usr/sbin/nats-server", "-c", self.config])

    def wait_answer(self, seconds=20):
        def ready():
            with self.client() as client:
                return client.api("INFO")

        wait_for(ready, seconds, "nats-server to answer")

    def start(self):
        self.launch()
        self.wait_answer()

    def stop(self):
        self.process.terminate()


def pg_bin(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        raise RuntimeError("PostgreSQL is not installed")
    return found[-1]


class PostgresServer(Server):
    def __init__(self, init=True, settings=None):
        """init=False: init() is called later, or the data comes from elsewhere."""
        super().__init__("postgres")
        self.data = os.path.join(self.dir, "data")
        self.databases = 0
        self.settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
            "max_connections": 100, "shared_buffers": "128MB", "timezone": "UTC", "max_wal_size": "2GB",
            **(settings or {}),
        }
        if init:
            self.init()

    def init(self):
        self.run("initdb", "-D", self.data, "-U", "sluice", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")

    @staticmethod
    def run(program, *arguments):
        """One of PostgreSQL's programs, as the user that the server runs as."""
        subprocess.run([pg_bin(program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/",
                       preexec_fn=_drop_privileges)

    def start(self):
        argv = [pg_bin("postgres"), "-D", self.data]
        for key, value in self.settings.items():
            argv += ["-c", f"{key}={value}"]
        self._start_process(argv)
        wait_for(lambda: self.query("postgres", "SELECT 1"), 30, "PostgreSQL to answer")

    def stop(self):
        self.process.terminate(signum=signal.SIGINT)

    def url_of(self, database):
        return f"postgresql://sluice@127.0.0.1:{self.port}/{database}"

    def query(self, database, sql, params=None):
        with psycopg2.connect(self.url_of(database)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                return cursor.fetchall() if cursor.description else []

    def execute(self, database, sql, params=None):
        connection = psycopg2.connect(self.url_of(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
        finally:
            connection.close()

    def new_database(self):
        self.databases += 1
        name = f"test_{self.databases}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return Database(self, name)


class Database:
    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.url = server.url_of(name)

    def query(self, sql, params=None):
        return self.server.query(self.name, sql, params)

    def execute(self, sql, params=None):
        self.server.execute(self.name, sql, params)

    def value(self, sql, params=None):
        return self.query(sql, params)[0][0]
