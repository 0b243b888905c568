/* The panels of reports: what each asks for, and how it shows it. */

import { $, bar, h } from "./dom.js";
import { report } from "./api.js";
import { draw, OTHERS, PALETTE } from "./charts.js";
import { bucketLabel, change, count, moment, money, name, percent, short, shortMoney } from "./format.js";
import { Panel } from "./panel.js";

const SOURCES = { facebook: "Facebook", tiktok: "TikTok" };
const TYPES_SHOWN = PALETTE.length - 1;

function showTile(id, value, percentValue, absolute) {
  const tile = document.getElementById(id);
  const line = $(".change", tile);
  tile.removeAttribute("aria-busy");
  $(".value", tile).textContent = value;
  line.className = "change";
  if (absolute === undefined || absolute === null) {
    line.textContent = "";
    return;
  }
  const known = percentValue !== null && percentValue !== undefined;
  line.classList.add(!known ? "same" : absolute > 0 ? "up" : absolute < 0 ? "down" : "same");
  line.textContent = !known ? (absolute ? "none in the period before" : "as in the period before")
    : `${change(percentValue)} against the period before`;
}

export function blankTiles(ids) {
  for (const id of ids) showTile(id, "–");
}

/* ---- events ---- */

const hiddenTypes = new Set();

/* The most frequent types have a colour of their own, the rest share one. */
function typeSets(series, byType) {
  const types = Object.keys(byType).filter((type) => byType[type] > 0).sort((a, b) => byType[b] - byType[a]);
  const own = types.length > TYPES_SHOWN + 1 ? types.slice(0, TYPES_SHOWN) : types;
  const rest = types.slice(own.length);
  const sets = own.map((type, i) => ({
    label: name(type), colour: PALETTE[i], data: series.map((bucket) => bucket.groups?.[type] ?? 0),
  }));
  if (rest.length)
    sets.push({ label: `${rest.length} others`, colour: OTHERS, data: series.map((bucket) =>
      rest.reduce((sum, type) => sum + (bucket.groups?.[type] ?? 0), 0)) });
  for (const set of sets) set.hidden = hiddenTypes.has(set.label);
  return sets;
}

function showLegend(legend, sets, again) {
  legend.replaceChildren(...sets.map((set) => {
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = set.colour;
    return h("button", { type: "button", "aria-pressed": String(!set.hidden), onclick: () => {
      if (!hiddenTypes.delete(set.label)) hiddenTypes.add(set.label);
      again();
    } }, swatch, set.label);
  }));
}

export class EventsPanel extends Panel {
  async load(context) {
    const parameters = { ...context.range, source: context.source, interval: context.interval,
      timezone: context.tz, groupBy: "eventType" };
    const { data, ...envelope } = await report("events",
      { ...parameters, compare: context.bounded ? "previous" : "" }, context.signal);
    context.told(envelope);
    showTile("total-events", count(data.totalEvents), data.change?.totalEvents?.percent, data.change?.totalEvents?.absolute);
    this.csv("events", parameters);
    if (!data.totalEvents) return this.empty();
    this.filled();
    this.keepingFocus(() => this.show(data, context));
    return null;
  }

  show(data, context) {
    const label = bucketLabel(context.tz, context.interval, context.long);
    const labels = data.series.map((bucket) => label(bucket.start));
    const sets = typeSets(data.series, data.eventsByType);
    this.sub(`by ${context.interval}, ${context.tz}`);
    showLegend($(".legend", this.root), sets, () => this.keepingFocus(() => this.show(data, context)));
    draw($("canvas", this.root), { labels, sets, stacked: true, short, long: count,
      about: `Events by ${context.interval} and type: ${count(data.totalEvents)} in all. The button Table shows the figures.` });
    this.table(["Start", "All", ...sets.map((set) => set.label)], data.series.map((bucket, i) =>
      [moment(bucket.start, context.tz), count(bucket.totalEvents), ...sets.map((set) => count(set.data[i]))]));
  }
}

/* ---- revenue ---- */

export class RevenuePanel extends Panel {
  async load(context) {
    const parameters = { ...context.range, source: context.source, campaignId: context.campaign,
      currency: context.currency, interval: context.interval, timezone: context.tz };
    const { data } = await report("revenue",
      { ...parameters, compare: context.bounded ? "previous" : "" }, context.signal);
    const currencies = Object.keys(data.revenueByCurrency);
    showTile("total-revenue", money(data.totalRevenue, data.currency), data.change?.totalRevenue?.percent,
      data.change?.totalRevenue?.absolute);
    showTile("total-orders", count(data.transactionCount), data.change?.transactionCount?.percent,
      data.change?.transactionCount?.absolute);
    context.currencies(currencies, data.currency);
    this.csv("revenue", parameters);
    if (!data.transactionCount) return this.empty("No orders in this range.");
    this.filled();
    const others = currencies.filter((code) => code !== data.currency);
    this.keepingFocus(() => this.show(data, context, others));
    return null;
  }

  show(data, context, others) {
    const label = bucketLabel(context.tz, context.interval, context.long);
    const labels = data.series.map((bucket) => label(bucket.start));
    const also = others.length ? `; also ${others.map((code) => money(data.revenueByCurrency[code], code, 0)).join(", ")}` : "";
    this.sub(`${data.currency}${context.campaign ? `, campaign ${context.campaign}` : ""}${also}`);
    draw($("canvas", this.root), { labels,
      sets: [{ label: "Revenue", colour: PALETTE[2], data: data.series.map((bucket) => bucket.totalRevenue) }],
      short: (value) => shortMoney(value, data.currency), long: (value) => money(value, data.currency),
      about: `Revenue by ${context.interval}: ${money(data.totalRevenue, data.currency)} in all. The button Table shows the figures.` });
    this.table(["Start", "Revenue", "Orders"], data.series.map((bucket) =>
      [moment(bucket.start, context.tz), money(bucket.totalRevenue, data.currency), count(bucket.transactionCount)]));
  }
}

/* ---- funnel and active users ---- */

const active = (sources) =>
  Object.values(sources).reduce((sum, s) => sum + s.topUsers + s.bottomUsers - s.bothUsers, 0);

export class FunnelPanel extends Panel {
  async load(context) {
    const parameters = { ...context.range, source: context.source, limit: 10 };
    const [{ data }, before] = await Promise.all([
      report("funnel", parameters, context.signal),
      context.before ? report("funnel", { ...parameters, ...context.before }, context.signal) : null,
    ]);
    const users = active(data.bySource);
    const past = before ? active(before.data.bySource) : null;
    showTile("total-users", count(users), past ? ((users - past) / past) * 100 : null, past === null ? null : users - past);
    this.csv("funnel", parameters);
    if (!users) return this.empty();
    this.filled();
    this.body.replaceChildren(...Object.entries(data.bySource).filter(([, s]) => s.topUsers || s.bottomUsers)
      .map(([source, s]) => this.source(source, s)));
    return null;
  }

  source(source, s) {
    const most = Math.max(s.topUsers, s.bottomUsers);
    const step = (label, users, colour) => h("li", {}, h("span", { class: "label" }, label),
      bar(users / most, colour), h("span", { class: "number" }, count(users)));
    return h("div", { class: "funnel", "data-source": source },
      h("h3", {}, SOURCES[source] ?? source, h("strong", {}, percent(s.userConversion))),
      h("ul", { class: "bars" }, step("Top", s.topUsers, PALETTE[0]), step("Top and bottom", s.bothUsers, PALETTE[2]),
        step("Bottom", s.bottomUsers, PALETTE[4])),
      h("p", { class: "sub" }, `${count(s.topEvents)} top and ${count(s.bottomEvents)} bottom events`));
  }
}

/* ---- campaigns ---- */

const COLUMNS = [
  ["campaignId", "Campaign"], ["revenue", "Revenue"], ["orders", "Orders"], ["buyers", "Buyers"],
  ["averageOrderValue", "Average order"], ["clicks", "Clicks"],
];
const ROWS = 10;

export class CampaignsPanel extends Panel {
  constructor(...rest) {
    super(...rest);
    this.order = { sort: "revenue", order: "desc", offset: 0 };
  }

  /* Other filters, other campaigns: from the first one again. */
  rewind() {
    this.order.offset = 0;
  }

  async load(context) {
    const parameters = { ...context.range, source: context.source, currency: context.currency,
      sort: this.order.sort, order: this.order.order };
    const { data } = await report("campaigns", { ...parameters, limit: ROWS, offset: this.order.offset }, context.signal);
    this.csv("campaigns", { ...parameters, limit: 1000 });
    if (!data.campaigns.length) return this.empty("No campaign had a click or an order in this range.");
    this.filled();
    context.campaigns(data.campaigns.map((campaign) => campaign.campaignId));
    this.keepingFocus(() => this.show(data, context));
    return null;
  }

  sortBy(column) {
    const descending = column !== "campaignId";
    const same = this.order.sort === column;
    this.order = { sort: column, offset: 0,
      order: (same ? this.order.order === "asc" : descending) ? "desc" : "asc" };
    this.retry(`[data-sort="${column}"]`);
  }

  head([column, label]) {
    const sorted = this.order.sort === column;
    const direction = this.order.order === "asc" ? "ascending" : "descending";
    return h("th", { scope: "col", class: column === "campaignId" ? null : "number", "aria-sort": sorted ? direction : null },
      h("button", { type: "button", "data-sort": column, onclick: () => this.sortBy(column) }, label,
        h("span", { "aria-hidden": "true", class: "arrow" }, sorted ? (this.order.order === "asc" ? "▲" : "▼") : "")));
  }

  row(campaign, currency, most, context) {
    const id = campaign.campaignId;
    const chosen = context.campaign === id;
    return h("tr", { class: chosen ? "chosen" : null },
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", "aria-pressed": String(chosen),
        title: "Revenue of this campaign only", onclick: () => context.choose(chosen ? "" : id) }, id)),
      h("td", { class: "number" }, bar(campaign.revenue / most, PALETTE[2]),
        h("span", { class: "amount" }, money(campaign.revenue, currency))),
      h("td", { class: "number" }, count(campaign.orders)), h("td", { class: "number" }, count(campaign.buyers)),
      h("td", { class: "number" }, money(campaign.averageOrderValue, currency)),
      h("td", { class: "number" }, count(campaign.clicks)));
  }

  show(data, context) {
    const most = Math.max(...data.campaigns.map((campaign) => campaign.revenue)) || 1;
    const first = this.order.offset;
    const turn = (by, label, possible) => h("button", { type: "button", "data-turn": label, disabled: !possible, onclick: () => {
      this.order.offset = Math.max(0, first + by);
      this.retry(`[data-turn="${label}"]`);
    } }, label);
    this.sub(`${count(data.campaignCount)} with a click or an order, ${data.currency}`);
    this.body.replaceChildren(
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Campaigns, table" },
        h("table", {}, h("thead", {}, h("tr", {}, COLUMNS.map((column) => this.head(column)))),
          h("tbody", {}, data.campaigns.map((campaign) => this.row(campaign, data.currency, most, context))))),
      h("nav", { class: "pages", "aria-label": "Pages of campaigns" }, turn(-ROWS, "Previous", first > 0),
        h("span", {}, `${count(first + 1)} to ${count(first + data.campaigns.length)} of ${count(data.campaignCount)}`),
        turn(ROWS, "Next", data.next !== null)));
  }
}

/* ---- demographics ---- */

const LABELS = {
  under_18: "Under 18", "18_24": "18 to 24", "25_34": "25 to 34", "35_44": "35 to 44", "45_54": "45 to 54",
  "55_plus": "55 and over", under_1k: "Under 1k", "1k_10k": "1k to 10k", "10k_100k": "10k to 100k",
  "100k_1m": "100k to 1M", "1m_plus": "1M and over", unknown: "Not known",
};

function distribution(title, entries, colour) {
  const all = entries.reduce((sum, [, n]) => sum + n, 0);
  const most = Math.max(1, ...entries.map(([, n]) => n));
  return h("div", { class: "distribution" }, h("h3", {}, title), h("ul", { class: "bars" }, entries.map(([word, n]) =>
    h("li", { title: all ? percent(n / all) : null }, h("span", { class: "label" }, LABELS[word] ?? name(word)),
      bar(n / most, colour), h("span", { class: "number" }, count(n))))));
}

const known = (map) => Object.entries(map).filter(([word, n]) => word !== "unknown" || n > 0);

export class DemographicsPanel extends Panel {
  async load(context) {
    const parameters = { ...context.range, source: context.source };
    const { data: { facebook, tiktok } } = await report("demographics", parameters, context.signal);
    const sum = (map) => Object.values(map).reduce((a, b) => a + b, 0);
    const parts = [];
    this.csv("demographics", parameters);
    if (facebook && sum(facebook.ageGroups))
      parts.push(h("section", { "aria-label": "Facebook" }, h("h3", { class: "source" }, "Facebook"), h("div", { class: "columns" },
        distribution("Age", known(facebook.ageGroups), PALETTE[0]),
        distribution("Gender", known(facebook.genderDistribution), PALETTE[3]),
        distribution("Top locations", facebook.topLocations.map((row) => [row.location, row.count]), PALETTE[4]))));
    if (tiktok && sum(tiktok.followerRanges))
      parts.push(h("section", { "aria-label": "TikTok" }, h("h3", { class: "source" }, "TikTok"), h("div", { class: "columns" },
        distribution("Followers", known(tiktok.followerRanges), PALETTE[1]),
        distribution("Top countries", tiktok.topCountries.map((row) => [row.country, row.count]), PALETTE[5]))));
    if (!parts.length) return this.empty();
    this.filled();
    this.body.replaceChildren(...parts);
    return null;
  }
}
