/* The page as a whole: filters in, panels out; fresh figures while somebody looks. */

import { $ } from "./dom.js";
import { chooseCampaign, offerCampaigns, offerCurrencies, read, watch } from "./filters.js";
import { autoInterval, iso, rangeOf } from "./time.js";
import { Health } from "./health.js";
import { blankTiles, CampaignsPanel, DemographicsPanel, EventsPanel, FunnelPanel, RevenuePanel } from "./panels.js";

const REFRESH_EVERY = 5000;

const KINDS = [
  ["events", EventsPanel, ["total-events"]], ["revenue", RevenuePanel, ["total-revenue", "total-orders"]],
  ["funnel", FunnelPanel, ["total-users"]], ["campaigns-panel", CampaignsPanel, []], ["demographics", DemographicsPanel, []],
];

let context = null;
let pending = null; /* AbortController of what is being loaded */
let loadedAt = 0;
let stale = null; /* timer of a refresh that is due */

const panels = KINDS.map(([id, Kind, tiles]) => ({
  tiles, panel: new Kind(id, (focus) => loadOne(panels.find((entry) => entry.id === id), focus)), id,
}));

function contextOf(filters, signal) {
  const range = rangeOf(filters);
  const bounded = range.from !== null && range.to !== null;
  const length = range.to - range.from;
  return {
    ...filters, signal, bounded,
    range: { from: range.from === null ? "" : iso(range.from), to: range.to === null ? "" : iso(range.to) },
    before: bounded ? { from: iso(range.from - length), to: iso(range.from) } : null,
    interval: filters.interval || autoInterval(range),
    long: length > 86400000,
    reachesNow: range.reachesNow,
    told: () => {},
    currencies: offerCurrencies,
    campaigns: offerCampaigns,
    choose: (campaign) => chooseCampaign(campaign, filtersChanged),
  };
}

async function loadOne({ panel, tiles }, focus) {
  const mine = context;
  panel.busy();
  try {
    await panel.load(mine);
    if (focus) $(focus, panel.root)?.focus();
  } catch (error) {
    if (error.name === "AbortError" || mine !== context) return;
    blankTiles(tiles);
    panel.failed(error);
    if (!("status" in error)) console.error(error);
  }
}

async function load() {
  clearTimeout(stale);
  stale = null;
  pending?.abort();
  pending = new AbortController();
  loadedAt = Date.now();
  context = contextOf(read(), pending.signal);
  const range = context.range;
  $("#notice").hidden = !(range.from && range.to && range.from > range.to);
  $("#notice").textContent = "The range ends before it begins.";
  await Promise.all(panels.map((entry) => loadOne(entry)));
  document.documentElement.dataset.loaded = String(loadedAt);
}

function filtersChanged() {
  for (const { panel } of panels) panel.rewind?.();
  load();
}

/* Not more often than every few seconds, not while hidden, and only where the range has room for what is new. */
function figuresChanged() {
  if (stale || document.hidden || !context?.reachesNow) return;
  stale = setTimeout(() => {
    stale = null;
    if (!document.hidden) load();
  }, Math.max(0, loadedAt + REFRESH_EVERY - Date.now()));
}

const THEMES = { auto: "Colours: auto", light: "Colours: light", dark: "Colours: dark" };

function showTheme(theme) {
  const button = $("#theme");
  button.textContent = THEMES[theme];
  button.setAttribute("aria-label", `${THEMES[theme]}. Press for the next`);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function nextTheme() {
  const names = Object.keys(THEMES);
  const now = document.documentElement.dataset.theme ?? "auto";
  const theme = names[(names.indexOf(now) + 1) % names.length];
  try {
    if (theme === "auto") localStorage.removeItem("sluice-theme");
    else localStorage.setItem("sluice-theme", theme);
  } catch {
    /* it holds for this page only */
  }
  showTheme(theme);
  load(); /* charts are drawn in the new colours */
}

showTheme(document.documentElement.dataset.theme ?? "auto");
$("#theme").addEventListener("click", nextTheme);
$("#refresh").addEventListener("click", load);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", load);
watch(filtersChanged);
load();
new Health(figuresChanged);
