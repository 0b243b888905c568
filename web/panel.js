/* What the panels share: loading, empty and error states, the link to the CSV, the table beside a chart. */

import { $, $$, h } from "./dom.js";
import { reportUrl } from "./api.js";

export class Panel {
  constructor(id, retry) {
    this.root = document.getElementById(id);
    this.body = $(".body", this.root);
    this.tools = $(".tools", this.root);
    this.state = h("div", { class: "state", hidden: true });
    this.body.after(this.state);
    this.retry = retry;
    this.busy();
  }

  /* What is there stays until the new figures come: nothing jumps. */
  busy() {
    this.root.setAttribute("aria-busy", "true");
    this.root.classList.toggle("first", !this.root.classList.contains("filled"));
  }

  settle(state) {
    this.root.removeAttribute("aria-busy");
    this.root.classList.remove("first");
    this.root.classList.toggle("filled", state === "filled");
    this.root.dataset.state = state;
    this.body.hidden = state !== "filled";
    this.state.hidden = state === "filled";
  }

  /* What is drawn anew, be it by itself, does not take the focus away from who works with it. */
  keepingFocus(show) {
    const stops = () => $$("button, a, [tabindex]", this.root);
    const place = stops().indexOf(document.activeElement);
    show();
    if (place < 0 || document.activeElement !== document.body) return;
    const now = stops().slice(0, place + 1).filter((stop) => !stop.disabled);
    now.at(-1)?.focus({ preventScroll: true });
  }

  filled() {
    this.settle("filled");
  }

  empty(text = "Nothing in this range.") {
    this.state.replaceChildren(h("p", {}, text));
    this.settle("empty");
  }

  failed(error) {
    const retry = h("button", { type: "button", onclick: () => this.retry() }, "Try again");
    this.state.replaceChildren(h("p", { role: "alert" }, error.message), retry);
    this.settle("error");
  }

  sub(text) {
    $(".sub", this.root).textContent = text;
  }

  csv(report, parameters) {
    let link = $("a.csv", this.root);
    if (!link) {
      link = h("a", { class: "csv", download: true }, "CSV");
      link.setAttribute("aria-label", `${$("h2", this.root).textContent}: download as CSV`);
      this.tools.append(link);
    }
    link.href = reportUrl(report, { ...parameters, format: "csv" });
  }

  /* The figures of the chart as a table, for those who do not see it, or want the numbers. */
  table(heads, rows) {
    let button = $("button.as-table", this.root);
    if (!button) {
      this.numbers = h("div", { class: "numbers", hidden: true, tabindex: "0", role: "region" });
      this.numbers.setAttribute("aria-label", `${$("h2", this.root).textContent} as a table`);
      this.body.append(this.numbers);
      button = h("button", { type: "button", class: "as-table", "aria-pressed": "false", onclick: () => {
        this.numbers.hidden = !this.numbers.hidden;
        button.setAttribute("aria-pressed", String(!this.numbers.hidden));
        this.body.classList.toggle("tabular", !this.numbers.hidden);
      } }, "Table");
      this.tools.prepend(button);
    }
    this.numbers.replaceChildren(h("table", {},
      h("thead", {}, h("tr", {}, heads.map((head, i) => h("th", { scope: "col", class: i ? "number" : null }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) =>
        i ? h("td", { class: "number" }, cell) : h("th", { scope: "row" }, cell)))))));
  }
}
