"""Child processes: unprivileged, on free ports, stopped by pid whatever happens."""
import os
import pwd
import random
import signal as signals
import socket
import subprocess


def own_share(ports):
    """Those of this worker: the others look for free ones at the same moment, and a server that was stopped for a
    while must find its own again."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return ports[number::int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


PORTS = own_share(range(10000, 20000))
_given = set()


def use_ports(ports):
    """Ports of our own, where other processes look for free ones at the same moment."""
    global PORTS
    PORTS = ports


def free_port():
    """A port on 127.0.0.1 that nothing holds, below the kernel's ephemeral range, so that no outgoing connection
    takes it before its server does; never the same one twice."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise RuntimeError("no free port")


def unprivileged_user():
    """The user that servers run as when the tests run as root: PostgreSQL refuses root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run servers as")


def own(path):
    """Gives a folder to the user that servers run as."""
    if os.geteuid() == 0:
        user = unprivileged_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def _drop_privileges():
    if os.geteuid() == 0:
        user = unprivileged_user()
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


class Process:
    """One child whose output goes to a file."""

    def __init__(self, argv, log_path, env=None, unprivileged=False, cwd=None, pass_fds=()):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
                preexec_fn=_drop_privileges if unprivileged else None,
            )

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def signal(self, signum):
        if self.alive():
            self.popen.send_signal(signum)

    def kill9(self):
        self.signal(signals.SIGCONT)
        self.signal(signals.SIGKILL)
        return self.popen.wait(timeout=30)

    def terminate(self, seconds=35, signum=signals.SIGTERM):
        """Asks it to stop and returns its exit status; kill -9 and an error when it does not."""
        self.signal(signals.SIGCONT)
        self.signal(signum)
        try:
            return self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"pid {self.pid} did not stop in {seconds} s; log: {self.tail()}") from None

    def tail(self, size=3000):
        with open(self.log_path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - size))
            return log.read().decode(errors="replace")
