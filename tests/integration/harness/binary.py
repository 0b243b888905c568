"""The program under test."""
import functools
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]


def sluice_binary():
    return os.environ.get("SLUICE_BIN", str(ROOT / "build" / "sluice"))


@functools.cache
def sanitized():
    """Whether it was built with a sanitizer: several times slower, and freed memory stays in quarantine."""
    with open(sluice_binary(), "rb") as binary:
        data = binary.read()
    return b"__asan_init" in data or b"__tsan_init" in data
