"""A Docker engine for the tests: the one that runs, or one of our own for as long as they take."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness.wait import wait_for

HOME = pathlib.Path(__file__).resolve().parents[2]
CACHE = HOME / "build-compose"  # images and layers; the next run builds on them
CGROUP = "sluice-compose"


class NoEngine(Exception):
    """None runs, and none can be started here: says why."""


def answers(env):
    return subprocess.run(["docker", "version"], env=env, capture_output=True, check=False, timeout=60).returncode == 0


def can_start():
    """None, or why not."""
    if os.geteuid() != 0:
        return "no Docker engine answers, and only root may start one"
    if not shutil.which("dockerd"):
        return "no Docker engine answers, and dockerd is not installed"
    return None


class Engine:
    def __init__(self):
        self.env = dict(os.environ)
        self.process = None
        self.exec_root = None

    @property
    def own(self):
        return self.process is not None

    def start(self):
        if answers(self.env):
            return
        why = can_start()
        if why:
            raise NoEngine(why)
        CACHE.mkdir(exist_ok=True)
        self.exec_root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-docker-"))
        self.env["DOCKER_HOST"] = f"unix://{self.exec_root}/docker.sock"
        with open(self.exec_root / "log", "wb") as log:
            # It changes nothing of this machine's network but for bridges of its own, which end with the networks.
            # Its control groups are below ours.
            self.process = subprocess.Popen(
                ["dockerd", f"--data-root={CACHE}/docker", f"--exec-root={self.exec_root}/exec",
                 f"--pidfile={self.exec_root}/pid", "--host=" + self.env["DOCKER_HOST"], "--group=root",
                 "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none",
                 "--default-address-pool=base=10.231.0.0/16,size=24",
                 "--exec-opt=native.cgroupdriver=cgroupfs", f"--cgroup-parent={CGROUP}"],
                stdout=log, stderr=log, env={**self.env, "PATH": self.env["PATH"] + ":/usr/sbin:/sbin"})
        wait_for(self.is_up, 60, "dockerd to answer")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("dockerd ended: " + self.log_tail())
        return answers(self.env)

    def log_tail(self):
        return (self.exec_root / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def stop(self):
        if not self.own:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for left in self.exec_root.glob("exec/netns/*"):  # dockerd leaves the machine's network namespace mounted
            subprocess.run(["umount", str(left)], capture_output=True, check=False)
        shutil.rmtree(self.exec_root, ignore_errors=True)
        remove_cgroups()

    def run(self, *argv, seconds=600, check=True, **options):
        done = subprocess.run(["docker", *argv], env=self.env, capture_output=True, text=True, timeout=seconds,
                              check=False, **options)
        assert not check or done.returncode == 0, f"docker {' '.join(argv)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done

    def has(self, image):
        return self.run("image", "inspect", image, check=False).returncode == 0

    def size(self, image):
        return int(self.run("image", "inspect", "--format", "{{.Size}}", image).stdout)


def remove_cgroups():
    """The empty groups that dockerd leaves behind below ours (control groups of version 1 have one tree a
    controller)."""
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        name = controllers.removeprefix("name=") or "unified"
        for root in (pathlib.Path("/sys/fs/cgroup", name), pathlib.Path("/sys/fs/cgroup")):
            try:
                (root / path.lstrip("/") / CGROUP).rmdir()
            except OSError:
                continue
