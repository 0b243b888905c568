"""Processes as /proc shows them."""
import os
import resource
import time


def stat_fields(pid):
    """What follows the name in /proc/PID/stat: state, ppid, ..."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def is_stopped(pid):
    """Whether every thread of it is."""
    states = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii", errors="replace") as stat:
            states.add(stat.read().rsplit(")", 1)[1].split()[0])
    return states == {"T"}


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond: clock_getcpuclockid(3), which Python lacks."""
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def command(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
        return cmdline.read().replace(b"\0", b" ").decode(errors="replace")


def table():
    """{pid: (parent, session)} of all processes."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = stat_fields(name)
        except OSError:
            continue
        found[int(name)] = (int(fields[1]), int(fields[3]))
    return found


def descendants(pid):
    """Itself first, then its children, theirs, and so on."""
    parents = table()
    found = [pid]
    for parent in found:
        found += [child for child, (its_parent, _) in parents.items() if its_parent == parent]
    return found
