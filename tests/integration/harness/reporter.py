"""What the reporter's tests share: a database filled through the collectors, and a reporter on it."""
import contextlib
import shutil
import tempfile

from .collector import Publisher
from .roles import Role
from .wait import wait_for

ROLES = {"facebook": "fb-collector", "tiktok": "ttk-collector"}


@contextlib.contextmanager
def roles(**env):
    """start(name) -> Role; all are stopped at the end, and a sanitizer's report fails the test."""
    from conftest import sanitizer_reports

    folder = tempfile.mkdtemp(prefix="sluice-test-roles-")
    started = []

    def start(name, ready=True, **extra):
        role = Role(name, folder, {**env, **extra})
        started.append(role)
        return role.wait_ready() if ready else role.wait_alive()

    try:
        yield start
    finally:
        statuses = [role.terminate() for role in reversed(started)]
        problems = [problem for role in started for problem in sanitizer_reports(role)]
        shutil.rmtree(folder, ignore_errors=True)
    assert not problems, "\n".join(problems)
    assert not any(statuses), statuses


def store(nats, database, events, distinct):
    """Puts the events into the streams, in messages of mixed sizes, and waits until the collectors have them."""
    with roles(NATS_URL=nats.url, DATABASE_URL=database.url) as start:
        for source, role in ROLES.items():
            start(role)
            with Publisher(nats, source) as publisher:
                publisher.send_in_messages([e for e in events if e["source"] == source], per_message=170)
        wait_for(lambda: database.value("SELECT count(*) FROM processed_events") >= distinct, 60, "all events to be stored")
    assert database.value("SELECT count(*) FROM processed_events") == distinct
