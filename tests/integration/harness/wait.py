"""Waiting for conditions: never a bare sleep in a test."""
import time

from .binary import sanitized


def within(seconds):
    """A limit as the machine of the tests can hold it: two cores that other tests and other machines share, and
    perhaps a sanitizer. It tells a thing that hangs from one that goes on; how fast it goes, the benchmark says."""
    return seconds * (5 if sanitized() else 2)


def wait_for(predicate, seconds=15, what="the condition"):
    """Calls predicate until it returns something true, and returns that. Exceptions count as not yet."""
    deadline = time.monotonic() + within(seconds)
    last = None
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = value
        except Exception as error:  # noqa: BLE001  the last one is shown below
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within(seconds)} s for {what}; last: {last!r}")
        time.sleep(0.02)
