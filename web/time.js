/* Wall-clock times of a time zone and back, and what the ranges of the filter mean. */

const DAY = 86400000;

const formats = new Map();

function wallParts(time, timeZone) {
  if (!formats.has(timeZone))
    formats.set(timeZone, new Intl.DateTimeFormat("en-US", {
      timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  const parts = {};
  for (const { type, value } of formats.get(timeZone).formatToParts(new Date(time))) parts[type] = Number(value);
  return parts;
}

/* The zone's clock at that time, as if it were UTC. */
function wallClock(time, timeZone) {
  const p = wallParts(time, timeZone);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
}

/* When the zone's clock shows that; in an hour that is skipped, the hour after it. */
export function fromWallClock(wall, timeZone) {
  let time = wall - (wallClock(wall, timeZone) - wall);
  const off = wallClock(time, timeZone) - wall;
  if (off) time -= off;
  return time;
}

export function startOfDay(time, timeZone, daysBefore = 0) {
  const p = wallParts(time, timeZone);
  return fromWallClock(Date.UTC(p.year, p.month - 1, p.day - daysBefore), timeZone);
}

export const isZone = (timeZone) => {
  try {
    new Intl.DateTimeFormat(undefined, { timeZone });
    return true;
  } catch {
    return false;
  }
};

/* For <input type="datetime-local">. */
export const toInput = (iso, timeZone) => new Date(wallClock(Date.parse(iso), timeZone)).toISOString().slice(0, 16);
export const fromInput = (text, timeZone) => iso(fromWallClock(Date.parse(`${text}:00Z`), timeZone));
export const iso = (time) => new Date(time).toISOString().replace(".000Z", "Z");

/* {from, to, reachesNow} in milliseconds; null = no bound. The end is rounded up to the minute, so that what
 * comes now is in it and the range stays the same for a while. */
export function rangeOf(filters, now = Date.now()) {
  const end = Math.floor(now / 60000) * 60000 + 60000;
  const zone = filters.tz;
  const rolling = (length) => ({ from: end - length, to: end, reachesNow: true });
  const days = (n) => ({ from: startOfDay(now, zone, n - 1), to: end, reachesNow: true });
  switch (filters.range) {
    case "1h": return rolling(3600000);
    case "24h": return rolling(DAY);
    case "today": return days(1);
    case "yesterday": return { from: startOfDay(now, zone, 1), to: startOfDay(now, zone), reachesNow: false };
    case "7d": return days(7);
    case "90d": return days(90);
    case "all": return { from: null, to: null, reachesNow: true };
    case "custom": {
      const from = filters.from ? Date.parse(filters.from) : null;
      const to = filters.to ? Date.parse(filters.to) : null;
      return { from, to, reachesNow: to === null || to > now };
    }
    default: return days(30);
  }
}

/* Buckets that are neither too many to see nor too few to tell something. */
export function autoInterval(range) {
  if (range.from === null || range.to === null) return "day";
  const length = range.to - range.from;
  if (length <= 3 * 3600000) return "minute";
  if (length <= 4 * DAY) return "hour";
  if (length <= 120 * DAY) return "day";
  return length <= 730 * DAY ? "week" : "month";
}
