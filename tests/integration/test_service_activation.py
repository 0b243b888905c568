"""Sockets and notifications as systemd hands them out (sd_listen_fds(3), sd_notify(3)), without the supervisor."""
import contextlib
import os
import select
import socket
import sys

import pytest

from harness.binary import sluice_binary
from harness.gateway import RawClient
from harness.process import Process
from harness.roles import Role
from harness.wait import wait_for

ROLES = ["gateway", "fb-collector", "ttk-collector", "reporter"]
GET_LIVENESS = b"GET /health/liveness HTTP/1.1\r\nHost: t\r\n\r\n"

# LISTEN_PID must be the pid of the program that is executed.
ACTIVATE = """
import fcntl, os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for i, fd in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in fds]):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(Role):
    """A role on sockets that it inherits."""

    def __init__(self, name, folder, env, sockets):
        self.sockets = sockets
        super().__init__(name, folder, env)

    def start(self):
        fds = [sock.fileno() for sock in self.sockets]
        argv = [sys.executable, "-c", ACTIVATE, ",".join(map(str, fds)), sluice_binary(), self.name]
        self.process = Process(argv, self.log_path, env=self.env, cwd=self.folder, pass_fds=fds)


class Listener:
    def __init__(self, sock):
        self.sock, self.port = sock, sock.getsockname()[1]

    def is_alive(self):
        with RawClient(self) as client:
            client.send(GET_LIVENESS)
            return client.answer().status == 200


@pytest.fixture(name="listeners")
def listeners_fixture():
    with contextlib.ExitStack() as stack:
        yield [Listener(stack.enter_context(socket.create_server(("127.0.0.1", 0)))) for _ in range(2)]


@pytest.fixture(name="notify")
def notify_fixture(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        yield sock


def hear(notify, message):
    ready, _, _ = select.select([notify], [], [], 60)
    assert ready, f"no {message}"
    assert notify.recv(1000).decode() == message


@pytest.fixture(name="activate")
def activate_fixture(nats, database, tmp_path):
    started = []

    def activate(name, sockets, **env):
        role = Activated(name, tmp_path, {"NATS_URL": nats.url, "DATABASE_URL": database.url, **env}, sockets)
        started.append(role)
        return role

    yield activate
    from conftest import sanitizer_reports

    for role in started:
        if role.process.alive():
            role.kill9()
    assert not [report for role in started for report in sanitizer_reports(role)]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_on_inherited_sockets(activate, listeners, notify, name):
    """The observer's socket comes first, and is told by its name; PORT is not bound."""
    observer, service = listeners
    env = {"LISTEN_FDNAMES": f"observer:sluice-{name}.socket", "NOTIFY_SOCKET": notify.getsockname()}
    sockets = [observer.sock, service.sock]
    with RawClient(service) as early:
        early.send(GET_LIVENESS)  # waits in the socket until somebody serves it
        first = activate(name, sockets, **env)
        assert early.answer().status == 200
    hear(notify, "READY=1")
    assert service.is_alive() and observer.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", first.port), timeout=5).close()

    second = activate(name, sockets, **env)
    hear(notify, "READY=1")
    first.signal(15)
    hear(notify, "STOPPING=1")
    while first.process.alive():
        assert service.is_alive()
    assert first.returncode == 0
    assert service.is_alive() and observer.is_alive()
    assert second.terminate() == 0
    hear(notify, "STOPPING=1")


def test_a_name_of_the_abstract_namespace(activate, listeners):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"\0sluice-test-{os.getpid()}")
        gateway = activate("gateway", [listeners[0].sock], NOTIFY_SOCKET=f"@sluice-test-{os.getpid()}")
        hear(notify, "READY=1")
        assert gateway.terminate() == 0


@pytest.mark.parametrize("case, said", [("not listening", "is no listening socket"), ("too many", "more sockets than")])
def test_sockets_that_cannot_be_used_are_an_error(activate, listeners, case, said):
    with socket.socket() as idle:
        sockets = [idle] if case == "not listening" else [listener.sock for listener in listeners]
        gateway = activate("gateway", sockets, LISTEN_FDNAMES="web:web")
        wait_for(lambda: not gateway.process.alive(), 30, "the gateway to end")
    assert gateway.returncode == 1
    assert said in gateway.log_text()
