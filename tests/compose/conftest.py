"""An engine, the images and one project that is up: once for all tests, and taken down whatever happens."""
import pathlib
import secrets
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

from engine import Engine, NoEngine  # noqa: E402
from harness.stack import free_port_base  # noqa: E402
import images  # noqa: E402
from project import Project  # noqa: E402


@pytest.fixture(scope="session")
def engine():
    engine = Engine()
    try:
        engine.start()
    except NoEngine as why:
        pytest.exit(str(why), returncode=1)
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def env_file(tmp_path_factory):
    """env.example as an operator would change it."""
    changes = {name: secrets.token_hex(16) for name in ("POSTGRES_PASSWORD", "NATS_PASSWORD", "GRAFANA_PASSWORD")}
    first = free_port_base()
    changes |= {"GATEWAY_PORT": f"{first}-{first + 2}", "REPORTER_PORT": first + 3, "PROMETHEUS_PORT": first + 4,
                "NATS_STORE_MAX": "2GB", "LOG_LEVEL": "debug"}
    path = tmp_path_factory.mktemp("compose") / "env"
    path.write_text("".join(f"{k}={v}\n" for k, v in changes.items()), encoding="ascii")
    return path


@pytest.fixture(scope="session")
def say(request):
    """For what whoever runs the tests must know, whether they pass or not."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    return say


@pytest.fixture(scope="session")
def base_and_ours(engine, env_file, say):
    """The base image and ours; says what cannot be tested here."""
    wanted = [s["image"] for name, s in Project(engine, env_file).config()["services"].items() if "build" not in s]
    missing = images.provide(engine, sorted(set(wanted)))
    for image in missing:
        say(f"left out: {image}, which only a registry has")
    images.build_ours(engine)


@pytest.fixture(scope="session")
def project(engine, env_file, base_and_ours):
    project = Project(engine, env_file)
    try:
        project.up()
        yield project
    finally:
        project.remove()
