"""The images that docker-compose.yml names. On an engine that ran already they are pulled where they are missing; on
one of our own there is no registry: the base image is made of Debian's packages, and the servers' images are stand-ins
that hold what is installed here, with the same names, paths, variables and users. Our own is built from the Dockerfile.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from engine import CACHE, HOME

BASE = "debian:bookworm-slim"
OURS = "sluice:latest"
LIBC = re.compile(r"(linux-vdso|ld-linux|libc|libm|libresolv|libpthread|libdl|librt)[.-]")
HERE = pathlib.Path(__file__).parent

POSTGRES = f"""FROM {BASE}
RUN useradd --uid 999 --user-group --home-dir /var/lib/postgresql --shell /bin/bash postgres
COPY rootfs /
RUN ldconfig && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data \\
    && install -d -o postgres -g postgres -m 2777 /var/run/postgresql
ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/postgresql/15/bin PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
"""
NATS = f"""FROM {BASE}
COPY rootfs /
EXPOSE 4222 8222
ENTRYPOINT ["/nats-server"]
CMD ["--config", "nats-server.conf"]
"""
PROMETHEUS = f"""FROM {BASE}
COPY rootfs /
RUN mkdir /prometheus && chown nobody:nogroup /prometheus
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""


def libraries_of(program):
    """The shared libraries that a program needs beyond the C library: (name, path)."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for name, path in re.findall(r"(\S+) => (/\S+)", said):
        if not LIBC.match(name):
            yield name, path


class RootFs:
    """What goes into a stand-in, from this machine's packages."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def add(self, source, target=None):
        place = self.folder / (target or str(source)).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns("bitcode"))
        else:
            shutil.copy(source, place)

    def add_program(self, source, target=None):
        self.add(source, target)
        self.add_libraries(source)

    def add_libraries(self, source):
        for name, path in libraries_of(source):
            self.add(path, f"/usr/local/lib/{name}")


def postgres_rootfs(root):
    root.add("/usr/lib/postgresql/15")
    root.add("/usr/share/postgresql/15")
    for program in pathlib.Path("/usr/lib/postgresql/15").glob("*/*"):
        if program.is_file() and program.name != "llvmjit.so":
            root.add_libraries(program)
    root.add(HERE / "postgres-entrypoint.sh", "/usr/local/bin/docker-entrypoint.sh")


def nats_rootfs(root):
    root.add_program(shutil.which("nats-server") or "/usr/sbin/nats-server", "/nats-server")


def prometheus_rootfs(root):
    # The base has merged /bin into /usr/bin: COPY cannot follow a symlink for it.
    for name in ("prometheus", "promtool"):
        root.add_program(f"/usr/bin/{name}")


STANDINS = {"postgres": (POSTGRES, postgres_rootfs), "nats": (NATS, nats_rootfs),
            "prom/prometheus": (PROMETHEUS, prometheus_rootfs)}


def make_standin(engine, image):
    dockerfile, fill = STANDINS[image.split(":")[0]]
    with tempfile.TemporaryDirectory(prefix="sluice-standin-") as folder:
        fill(RootFs(pathlib.Path(folder) / "rootfs"))
        (pathlib.Path(folder) / "Dockerfile").write_text(dockerfile, encoding="ascii")
        engine.run("build", "--network=none", "--tag", image, folder)


def make_base(engine):
    """As bookworm-slim is made: the smallest Debian, without manuals."""
    archive = CACHE / "base.tar"
    if not archive.exists():
        part = archive.with_suffix(".part.tar")
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "info", "locale")]
        done = subprocess.run(["mmdebstrap", "--variant=minbase", "--quiet", *excludes, "bookworm", str(part)],
                              capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"mmdebstrap: {done.stderr[-4000:]}"
        part.rename(archive)
    engine.run("import", "--change", 'CMD ["bash"]', str(archive), BASE)


def provide(engine, images):
    """Makes or pulls those that are missing; returns those that cannot be had."""
    missing = []
    if not engine.own:
        for image in [BASE, *images]:
            if not engine.has(image) and engine.run("pull", "--quiet", image, check=False).returncode != 0:
                missing.append(image)
        return missing
    if not engine.has(BASE):
        make_base(engine)
    for image in images:
        if image.split(":")[0] in STANDINS:
            make_standin(engine, image)  # quick when it is what it was: the layers are kept
        else:
            missing.append(image)
    return missing


def build_ours(engine):
    network = ["--network=host"] if engine.own else []  # our own engine has no bridge to the outside
    engine.run("build", *network, "--tag", OURS, str(HOME), seconds=1200)
