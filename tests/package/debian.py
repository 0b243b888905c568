"""A Debian in a folder, into which the package is installed and from which it runs."""
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The base system is made once a machine and a set of packages.
CACHE = pathlib.Path(os.environ.get("SLUICE_TEST_CACHE", "/var/tmp/sluice-package-test"))
MIRROR = "http://deb.debian.org/debian"


def run(*argv, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, timeout=300,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"{argv} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make_package(folder):
    return pathlib.Path(run(ROOT / "sluice", "package", folder).strip())


def dependencies(package):
    """The first of each alternative of the package's Depends, without versions."""
    field = run("dpkg-deb", "-f", package, "Depends")
    return sorted({re.match(r"[a-z0-9.+-]+", choice.strip()).group() for choice in field.split(",")})


def base_system(packages):
    """The tarball of a small Debian 12 with these packages."""
    CACHE.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    tarball = CACHE / f"{name}.tar"
    if not tarball.exists():
        made = CACHE / f"{name}.{os.getpid()}.tar"
        try:
            # A session of its own: when it fails it sends SIGHUP to its whole process group.
            run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}",
                "--aptopt=Acquire::Retries \"3\"", "bookworm", made, MIRROR, start_new_session=True)
            made.rename(tarball)
        finally:
            made.unlink(missing_ok=True)
    return tarball



class Debian:
    def __init__(self, root):
        self.root = root
        self.before = set()

    @classmethod
    @contextlib.contextmanager
    def new(cls, package):
        root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-debian-"))
        try:
            os.chmod(root, 0o755)
            run("tar", "-xf", base_system(dependencies(package)), "-C", root)
            # Its services are nobody's business here.
            policy = root / "usr/sbin/policy-rc.d"
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            yield cls(root)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def __truediv__(self, path):
        return self.root / str(path).lstrip("/")

    def run(self, *argv):
        return run("chroot", self.root, *argv, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                                    "DEBIAN_FRONTEND": "noninteractive"})

    def install(self, package):
        shutil.copy(package, self / "root/sluice.deb")
        try:
            return self.run("dpkg", "-i", "/root/sluice.deb")
        finally:
            (self / "root/sluice.deb").unlink()

    def paths(self):
        """Everything in it, but for the journals of dpkg and of the tools that edit users."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            found.update(os.path.relpath(os.path.join(folder, name), self.root) for name in folders + files)
        own = re.compile(r"var/(lib/dpkg|log|cache)/|etc/(passwd|group|shadow|gshadow|subuid|subgid)-$|etc/\.pwd\.lock$")
        return {path for path in found if not own.match(path)}

    def owner(self, path):
        """(mode, user, group) as this Debian names them."""
        mode, user, group = self.run("stat", "-c", "%a %U %G", path).split()
        return mode, user, group

    def set_environment(self, **values):
        """Edits /etc/sluice/sluice.env as an administrator does: the lines NAME=."""
        path = self / "etc/sluice/sluice.env"
        text = path.read_text()
        for name, value in values.items():
            text, count = re.subn(f"(?m)^{name}=.*$", f"{name}={value}", text)
            assert count == 1, name
        path.write_text(text)

    def environment(self):
        """What EnvironmentFile= makes of it: systemd.exec(5)."""
        lines = (self / "etc/sluice/sluice.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def unit(self, name):
        """[(key, value)] of a unit's file."""
        lines = (self / "usr/lib/systemd/system" / name).read_text().splitlines()
        return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]

    def confined(self, argv, trace):
        """The words that run argv as its unit does, as far as that goes without systemd: its user, no capability and
        no way to gain one, nothing that it may write. strace notes its system calls, as a grandchild: the child is
        the program itself."""
        script = ('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount -t proc proc "$1/proc" && trace=$2 &&'
                  ' root=$1 && shift 2 && exec strace -D -f -q -o "$trace" chroot "$root" setpriv --reuid sluice'
                  ' --regid sluice --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"')
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(self.root), str(trace), *argv]
