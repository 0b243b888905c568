"""Fixtures of the package's tests: the package as made, a small Debian, real servers."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(pathlib.Path(__file__).parent)]

from debian import Debian, make_package  # noqa: E402
from harness.servers import NatsServer, PostgresServer, running  # noqa: E402


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def debian(package):
    """A Debian 12 with what the package depends on and nothing else. The package is not installed yet."""
    with Debian.new(package) as debian:
        yield debian


@pytest.fixture(scope="session")
def installed(debian, package):
    debian.before = debian.paths()
    debian.install(package)
    return debian


@pytest.fixture(scope="session")
def nats():
    with running(NatsServer()) as server:
        yield server


@pytest.fixture(scope="session")
def database():
    with running(PostgresServer()) as server:
        yield server.new_database()
