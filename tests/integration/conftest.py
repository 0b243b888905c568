"""Fixtures of the integration tests: real servers, started once a module or session, and the roles."""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.roles import Role  # noqa: E402
from harness.servers import NatsServer, PostgresServer, running  # noqa: E402


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith(("test_gateway_", "test_collector_", "test_reporter_")):
            item.add_marker("role")


def pytest_make_parametrize_id(val, argname):
    """Bodies make no names: they are long, and compressed ones differ from run to run."""
    if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 60):
        return f"{argname}-of-{len(val)}"
    return None


@pytest.fixture(scope="module")
def nats():
    with running(NatsServer()) as server:
        yield server


@pytest.fixture
def other_nats():
    """For a test that must have the streams for itself."""
    with running(NatsServer()) as server:
        yield server


@pytest.fixture(scope="session")
def postgres():
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture(scope="module")
def database(postgres):
    return postgres.new_database()


@pytest.fixture
def start_role(request):
    """start_role("gateway", env={...}, args=[...]): NATS_URL and DATABASE_URL come from the fixtures that
    the test asked for."""
    folder = tempfile.mkdtemp(prefix="sluice-test-roles-")
    started = []
    env = {}
    if "nats" in request.fixturenames:
        env["NATS_URL"] = request.getfixturevalue("nats").url
    if "database" in request.fixturenames:
        env["DATABASE_URL"] = request.getfixturevalue("database").url

    def start(name, env_extra=None, args=(), **options):
        extra = options.pop("env", None) or env_extra or {}
        role = Role(name, folder, {**env, **extra}, args)
        started.append(role)
        return role

    try:
        yield start
    finally:
        problems = []
        for role in reversed(started):
            try:
                role.terminate()
            except AssertionError as error:
                problems.append(str(error))
            problems += sanitizer_reports(role)
        if not os.environ.get("SLUICE_KEEP_LOGS"):
            shutil.rmtree(folder, ignore_errors=True)
    assert not problems, "\n".join(problems)


def sanitizer_reports(role):
    """Whatever a sanitizer said in a role's output fails the test that used it."""
    text = role.log_text()
    marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
    return [f"{role.name}: {text[text.index(mark) - 100 if text.index(mark) > 100 else 0:][:4000]}" for mark in marks
            if mark in text]
