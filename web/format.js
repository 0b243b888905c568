/* Numbers, money and times for people, as their browser's language writes them. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

export const count = (n) => (n === null || n === undefined ? "–" : whole.format(n));
export const short = (n) => compact.format(n);
export const percent = (share) => (share === null || share === undefined ? "–" : percents.format(share));

export function money(amount, currency, digits = 2) {
  if (amount === null || amount === undefined) return "–";
  try {
    return new Intl.NumberFormat(undefined, {
      style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits,
    }).format(amount);
  } catch {
    return `${whole.format(amount)} ${currency}`; /* a code that is none */
  }
}

export const shortMoney = (amount, currency) =>
  new Intl.NumberFormat(undefined, { style: "currency", currency, notation: "compact", maximumFractionDigits: 1 })
    .format(amount);

/* "+12.5 %": what became of a figure against the period before. */
export function change(percentValue) {
  const sign = percentValue > 0 ? "+" : percentValue < 0 ? "−" : "±";
  return sign + percents.format(Math.abs(percentValue) / 100);
}

export function ago(seconds) {
  if (seconds < 2) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

const SHAPES = {
  minute: { hour: "2-digit", minute: "2-digit" },
  hour: { weekday: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  day: { day: "numeric", month: "short" },
  week: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
};

/* How a bucket's start is written below a chart. */
export function bucketLabel(timeZone, interval, withDay) {
  const shape = { ...SHAPES[interval], timeZone, hourCycle: "h23" };
  if (interval === "minute" && withDay) Object.assign(shape, { day: "numeric", month: "short" });
  const format = new Intl.DateTimeFormat(undefined, shape);
  return (start) => format.format(new Date(start));
}

export function moment(time, timeZone) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone })
    .format(new Date(time));
}

export const name = (word) => word.replace(/[._]/g, " ");
