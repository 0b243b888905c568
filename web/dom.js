/* Elements from data: text is text, never markup. */

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/* h("td", { class: "number", onclick: fn }, "text", other) */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/* A bar of a share from 0 to 1. Through the CSSOM: style attributes are forbidden to this page. */
export function bar(share, colour) {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
  if (colour) fill.style.background = colour;
  return h("span", { class: "bar", "aria-hidden": "true" }, fill);
}
