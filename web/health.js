/* The pipeline's figures as they come (GET /live), and the word on how fresh everything is. */

import { $, h } from "./dom.js";
import { draw, PALETTE } from "./charts.js";
import { ago, count, short } from "./format.js";

const KEPT = 60; /* rates, about one a second */
const SOURCES = { facebook: "Facebook", tiktok: "TikTok" };
const WAITS = [2000, 5000, 15000, 30000]; /* before a new attempt, when there was none of the browser's own */

export class Health {
  /* changed(): there may be new figures in the reports. */
  constructor(changed) {
    this.root = $("#health");
    this.body = $(".body", this.root);
    this.changed = changed;
    this.rates = [];
    this.last = null;
    this.tries = 0;
    this.canvas = h("canvas");
    this.cards = h("div", { class: "cards" });
    this.cells = new Map();
    this.body.append(this.cards, h("div", { class: "sources" }), h("div", { class: "rate" },
      h("h3", {}, "Events stored a second"), h("div", { class: "canvas small" }, this.canvas)));
    this.open();
    setInterval(() => this.tick(), 1000);
    document.addEventListener("visibilitychange", () => this.follow());
  }

  open() {
    this.stream?.close();
    this.stream = new EventSource("/live");
    this.stream.addEventListener("open", () => {
      this.tries = 0;
      this.state("live", "ok");
    });
    this.stream.addEventListener("figures", (event) => this.take(JSON.parse(event.data)));
    this.stream.addEventListener("error", () => {
      this.state("not connected, trying again", "away");
      if (this.stream.readyState !== EventSource.CLOSED) return; /* the browser tries by itself */
      clearTimeout(this.again);
      this.again = setTimeout(() => this.open(), WAITS[Math.min(this.tries++, WAITS.length - 1)]);
    });
  }

  /* Nobody sees a hidden page: it asks for nothing. */
  follow() {
    if (document.hidden) {
      clearTimeout(this.again);
      this.stream.close();
      this.state("paused", "away");
    } else if (this.stream.readyState === EventSource.CLOSED) {
      this.rates = [];
      this.last = null;
      this.open();
    }
  }

  state(text, state) {
    $("#health-state").textContent = text;
    this.root.dataset.state = state;
  }

  take(figures) {
    const sum = (key) => Object.values(figures.sources).every((s) => s === null) ? null
      : Object.values(figures.sources).reduce((all, s) => all + (s?.[key] ?? 0), 0);
    const now = { at: Date.parse(figures.at), stored: sum("stored") };
    const away = [figures.database !== "ok" && "PostgreSQL", figures.nats !== "ok" && "NATS"].filter(Boolean);
    this.state(away.length ? `${away.join(" and ")} does not answer` : "live", away.length ? "away" : "ok");
    this.rate(now);
    if (this.last && now.stored !== null && now.stored !== this.last.stored) this.changed();
    if (now.stored !== null) this.last = now;
    this.through = figures.dataThrough ? Date.parse(figures.dataThrough) : null;
    this.show(figures, sum);
    this.tick();
  }

  /* Figures come when they change: seconds without a message had no event. */
  rate(now) {
    if (this.last && now.stored !== null && now.at > this.last.at) {
      const seconds = Math.max(1, (Date.now() - this.ratedTo) / 1000);
      const rate = Math.max(0, now.stored - this.last.stored) / seconds;
      for (let i = Math.min(KEPT, Math.round(seconds)); i > 0; i--) this.rates.push(rate);
    }
    this.ratedTo = Date.now();
    this.rates = this.rates.slice(-KEPT);
  }

  idle() {
    for (; this.last && Date.now() - this.ratedTo > 2500; this.ratedTo += 1000) this.rates.push(0);
    this.rates = this.rates.slice(-KEPT);
  }

  card(key, label, value, note = "") {
    if (!this.cells.has(key)) {
      const cell = { value: h("p", { class: "value" }), note: h("p", { class: "note" }) };
      this.cells.set(key, cell);
      this.cards.append(h("div", { class: "card", "data-figure": key }, h("h3", {}, label), cell.value, cell.note));
    }
    const cell = this.cells.get(key);
    cell.value.textContent = value;
    cell.note.textContent = note;
  }

  show(figures, sum) {
    const estimate = Object.values(figures.sources).some((s) => s?.acceptedIsEstimate);
    const rejected = figures.rejected === null ? null : figures.rejected + figures.unreadable;
    this.card("accepted", "Accepted", (estimate ? "≈ " : "") + count(sum("accepted")), "events taken in, ever");
    this.card("stored", "Stored", count(sum("stored")), "each event once");
    this.card("duplicates", "Duplicates", count(sum("duplicates")), "sent more than once");
    this.card("rejected", "Rejected", count(rejected), `kept, ${count(figures.unreadable)} of them no JSON`);
    this.card("waiting", "Waiting", count(sum("waitingMessages")), "messages not stored yet");
    $(".sources", this.body).replaceChildren(...Object.entries(figures.sources).map(([source, s]) =>
      h("p", {}, h("strong", {}, SOURCES[source] ?? source), s === null ? " – no figures" :
        ` ${count(s.stored)} stored, ${count(s.duplicates)} duplicates, ${count(s.deadLettered)} dead-lettered, ${count(s.waitingMessages)} messages wait`)));
  }

  tick() {
    const seconds = this.through ? Math.max(0, (Date.now() - this.through) / 1000) : null;
    this.card("freshness", "Complete up to", seconds === null ? "–" : ago(seconds), seconds === null ? "not told" : "all events accepted before");
    $("#fresh-text").textContent = this.root.dataset.state !== "ok" ? $("#health-state").textContent
      : seconds === null ? "live" : `complete up to ${ago(seconds)}`;
    $("#fresh").dataset.state = this.root.dataset.state ?? "away";
    if (this.root.dataset.state === "ok") this.idle();
    if (this.rates.length > 1) {
      const data = [...Array(KEPT - this.rates.length).fill(null), ...this.rates];
      draw(this.canvas, { type: "line", labels: data.map((_, i) => (i === KEPT - 1 ? "now" : `−${KEPT - 1 - i} s`)),
        sets: [{ label: "Events a second", data, colour: PALETTE[0] }], short, long: (value) => count(Math.round(value)),
        about: `Events stored a second in the last minute, now ${count(Math.round(this.rates.at(-1)))}` });
    }
  }
}
