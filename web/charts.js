/* The two kinds of charts. Colours are those of the style sheet: they follow light and dark. */

/* Okabe and Ito's palette, which people with any kind of colour vision can tell apart. */
export const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#c9b800"];
export const OTHERS = "#8a94a3";

const quiet = matchMedia("(prefers-reduced-motion: reduce)");
const charts = new Map(); /* canvas -> chart */

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axis(extra = {}) {
  return {
    ticks: { color: colour("--muted"), maxRotation: 0, autoSkipPadding: 16, ...extra.ticks },
    grid: { color: colour("--line"), drawBorder: false, display: extra.grid ?? true },
    stacked: extra.stacked ?? false,
    beginAtZero: true,
    ...(extra.max ? { suggestedMax: extra.max } : {}),
  };
}

function options({ stacked, short, long, legend }) {
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: quiet.matches ? false : { duration: 250 },
    interaction: { mode: "index", intersect: false },
    scales: {
      x: axis({ stacked, grid: false }),
      y: axis({ stacked, ticks: { callback: (value) => short(value), maxTicksLimit: 6 } }),
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        filter: (item) => !legend || item.raw > 0,
        itemSort: (a, b) => b.raw - a.raw,
        callbacks: { label: (item) => ` ${item.dataset.label}: ${long(item.raw)}` },
      },
    },
  };
}

/* sets: [{label, data, colour, hidden}]. Drawn anew into the same chart, so that nothing jumps. */
export function draw(canvas, { type = "bar", labels, sets, stacked = false, short, long, about }) {
  const datasets = sets.map((set) => ({
    label: set.label, data: set.data, hidden: set.hidden, backgroundColor: type === "line" ? `${set.colour}33` : set.colour,
    borderColor: set.colour, borderWidth: type === "line" ? 2 : 0, fill: type === "line", pointRadius: 0, tension: 0.3,
    borderRadius: stacked ? 0 : 3, categoryPercentage: 0.9, barPercentage: 0.95, maxBarThickness: 48,
  }));
  const settings = options({ stacked, short, long, legend: stacked });
  let chart = charts.get(canvas);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", about);
  if (chart) {
    chart.data = { labels, datasets };
    chart.options = settings;
    chart.update(quiet.matches || type === "line" ? "none" : undefined);
    return chart;
  }
  chart = new globalThis.Chart(canvas, { type, data: { labels, datasets }, options: settings });
  charts.set(canvas, chart);
  return chart;
}

export function forget(canvas) {
  charts.get(canvas)?.destroy();
  charts.delete(canvas);
}
