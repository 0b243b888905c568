"""The operator's commands, run against the servers of a test."""
import json
import subprocess

from .binary import sluice_binary
from .roles import clean_environment


class Command:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)


def environment(nats, database):
    return clean_environment({"NATS_URL": nats.url, "DATABASE_URL": database.url})


def run(nats, database, *argv, seconds=120):
    """Runs `sluice *argv` to its end."""
    done = subprocess.run([sluice_binary(), *argv], capture_output=True, text=True, timeout=seconds, check=False,
                          env=environment(nats, database), cwd="/", stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return Command(done)


def audit(nats, database, *flags):
    """The result of `sluice audit --json`; it must have been able to do it."""
    command = run(nats, database, "audit", "--json", *flags)
    assert command.status in (0, 1), command.err
    result = command.json()
    assert result["ok"] == (command.status == 0) == (not result["differences"])
    assert all(source["addsUp"] or source["unaccounted"]["messages"] or result["differences"]
               for source in result["sources"])
    return result


def of_source(result, source):
    return next(s for s in result["sources"] if s["source"] == source)
