"""Small filesystems that a case can fill."""
import contextlib
import errno
import os
import subprocess

from harness.process import own
from pipeline import Skipped


@contextlib.contextmanager
def small_disk(path, size):
    """A filesystem of its own, which a case can fill."""
    os.makedirs(path, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "sluice-faults", path],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"no filesystem can be mounted here: {done.stderr.strip()}")
    own(path)
    try:
        yield path
    finally:
        # Whoever still has a file open there is stopped by then or soon after.
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(path, leave=0):
    """Takes all of a filesystem's room but `leave` bytes, and returns the file that holds it."""
    ballast = os.path.join(path, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        while True:
            room = os.statvfs(path)
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - leave))
                return ballast
            except OSError as error:
                if error.errno != errno.ENOSPC:  # else somebody took some room at the same moment
                    raise
