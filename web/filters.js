/* The filters: they live in the URL, so that back, forward and a shared link work. What is as usual is left out. */

import { $, $$, h } from "./dom.js";
import { fromInput, isZone, iso, rangeOf, toInput } from "./time.js";

const NAMES = ["range", "from", "to", "tz", "source", "campaign", "currency", "interval"];
const RANGES = ["1h", "24h", "today", "yesterday", "7d", "30d", "90d", "all", "custom"];
const INTERVALS = ["", "minute", "hour", "day", "week", "month"];
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const USUAL = { range: "30d", from: "", to: "", tz: browserZone, source: "", campaign: "", currency: "", interval: "" };

const isTime = (text) => !Number.isNaN(Date.parse(text));

/* What makes no sense is as usual. */
function checked(f) {
  if (!RANGES.includes(f.range)) f.range = USUAL.range;
  if (!INTERVALS.includes(f.interval)) f.interval = "";
  if (!isZone(f.tz)) f.tz = USUAL.tz;
  if (!["", "facebook", "tiktok"].includes(f.source)) f.source = "";
  if (!/^([A-Z]{3})?$/.test(f.currency)) f.currency = "";
  for (const bound of ["from", "to"])
    if (f.range !== "custom" || !isTime(f[bound])) f[bound] = "";
  return f;
}

export function read() {
  const query = new URLSearchParams(location.search);
  return checked(Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? USUAL[name]])));
}

function urlOf(filters) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filters[name] !== USUAL[name]) query.set(name, filters[name]);
  return `${query}` ? `?${query}` : location.pathname;
}

function fillZones(select, chosen) {
  const known = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
  const zones = [...new Set([browserZone, "UTC", chosen, ...known])];
  select.replaceChildren(...zones.map((zone) => h("option", { value: zone }, zone)));
}

/* Asks to be told when a filter changes: by hand, or by back and forward. */
export function watch(changed) {
  const form = $("#filters");
  fillZones(form.elements.tz, read().tz);
  show(form, read());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    const filters = take(form);
    set(filters, changed);
    show(form, filters);
  });
  $("#reset").addEventListener("click", () => {
    set({ ...USUAL }, changed);
    show(form, read());
  });
  addEventListener("popstate", () => {
    show(form, read());
    changed(read());
  });
}

function set(filters, changed) {
  if (urlOf(filters) !== urlOf(read())) history.pushState(null, "", urlOf(filters));
  changed(read());
}

function take(form) {
  const before = read();
  const filters = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value.trim()]));
  if (filters.range !== "custom") return checked(filters);
  if (before.range !== "custom") { /* begins with what was shown */
    const range = rangeOf(before);
    filters.from = range.from === null ? "" : iso(range.from);
    filters.to = range.to === null ? "" : iso(range.to);
  } else {
    for (const bound of ["from", "to"])
      filters[bound] = filters[bound] ? fromInput(filters[bound], before.tz) : "";
  }
  return checked(filters);
}

function show(form, filters) {
  for (const name of NAMES) {
    const field = form.elements[name];
    const isBound = name === "from" || name === "to";
    const value = isBound && filters[name] ? toInput(filters[name], filters.tz) : filters[name];
    if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value))
      field.append(h("option", { value }, value));
    field.value = value;
  }
  for (const label of $$(".custom", form)) label.hidden = filters.range !== "custom";
}

export function chooseCampaign(campaign, changed) {
  const filters = { ...read(), campaign };
  set(filters, changed);
  show($("#filters"), filters);
}

/* The currencies that there are, as the revenue report tells them. */
export function offerCurrencies(codes, usual) {
  const select = $("#filters").elements.currency;
  const chosen = select.value;
  const list = [...new Set([...codes, ...(chosen ? [chosen] : [])])].sort();
  select.replaceChildren(h("option", { value: "" }, chosen ? "default" : `${usual} (default)`),
    ...list.map((code) => h("option", { value: code }, code)));
  select.value = chosen;
}

export function offerCampaigns(ids) {
  $("#campaigns").replaceChildren(...ids.map((id) => h("option", { value: id })));
}
