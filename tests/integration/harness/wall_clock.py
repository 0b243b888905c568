"""The buckets of a series, with Python's own knowledge of the zones."""
import bisect
import datetime
import functools
import zoneinfo

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
QUARTER = 15 * MINUTE  # offsets change, and days begin, on quarters of an hour


def floor(local, interval):
    """The wall-clock bound of a wall-clock time."""
    if interval == "minute":
        return local.replace(second=0, microsecond=0)
    if interval == "hour":
        return local.replace(minute=0, second=0, microsecond=0)
    local = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "week":
        return local - datetime.timedelta(days=local.weekday())
    return local.replace(day=1) if interval == "month" else local


def name_of(when, interval, zone):
    """What tells a bucket from all others: days by their date; hours and minutes by their offset as well."""
    local = when.astimezone(zone)
    bound = floor(local.replace(tzinfo=None), interval)
    return (bound, local.utcoffset()) if interval in ("minute", "hour") else bound


@functools.lru_cache(maxsize=2_000_000)
def _name_at(step, number, interval, zone):
    return name_of(datetime.datetime.fromtimestamp(number * step, UTC), interval, zoneinfo.ZoneInfo(zone))


def bucket_starts(start, end, interval, zone):
    """When the buckets of the range begin, the first one perhaps before it: wherever the name changes, step by step."""
    step = int((MINUTE if interval == "minute" else QUARTER).total_seconds())
    at = int(start.timestamp()) // step

    def begins(number):
        return _name_at(step, number, interval, zone) != _name_at(step, number - 1, interval, zone)

    while not begins(at):
        at -= 1
    starts = []
    while (when := datetime.datetime.fromtimestamp(at * step, UTC)) < end:
        if begins(at):
            starts.append(when)
        at += 1
    return starts


def into_buckets(starts, moments):
    """The number of the bucket of each moment."""
    return [bisect.bisect_right(starts, when) - 1 for when in moments]
