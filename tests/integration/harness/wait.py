"""Waiting for conditions: never a bare sleep in a test."""
import time


def wait_for(predicate, seconds=15, what="the condition"):
    """Calls predicate until it returns something true, and returns that. Exceptions count as not yet."""
    deadline = time.monotonic() + seconds
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
            raise AssertionError(f"waited {seconds} s for {what}; last: {last!r}")
        time.sleep(0.02)
