"use strict";
document.documentElement.classList.add("js");
const NS = "http://www.w3.org/2000/svg";
const tip = document.querySelector("[data-part=tip]");

// Names are data: they only ever become text nodes.
function node(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.append(...children);
  return element;
}
function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) if (attributes[key] != null) element.setAttribute(key, attributes[key]);
  if (text != null) element.textContent = text;
  return element;
}

// Two significant digits of the interval; without one, four of the value: as in the tables.
function digits(value, half) {
  const [size, wanted] = half > 1e-12 * Math.abs(value) ? [half, 2] : [Math.abs(value), 4];
  if (!size) return 1;
  return Math.min(12, Math.max(0, wanted - 1 - Math.floor(Math.log10(+size.toPrecision(wanted)))));
}
function number(x, decimals) {
  const [whole, rest] = x.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").split("."), sign = whole.startsWith("-") ? "\u2212" : "";
  const grouped = whole.replace("-", ""), apart = grouped.length > 4 ? grouped.replace(/\B(?=(\d{3})+$)/g, ",") : grouped;
  return sign + apart + (rest ? `.${rest}` : "");
}
const estimate = (mean, half) => {
  const decimals = digits(mean, half);
  return half == null ? number(mean, decimals) : `${number(mean, decimals)} \u00b1 ${number(half, decimals)}`;
};
// Names differ at their ends: a long one loses its middle.
const shorten = (name, most) => name.length > most ? `${name.slice(0, Math.ceil((most - 1) / 2))}\u2026${name.slice(name.length - Math.floor((most - 1) / 2))}` : name;
const duration = (s) => s < 10 ? `${+s.toPrecision(2)} s` : s < 60 ? `${Math.round(s)} s`
  : s < 3600 ? `${Math.floor(s / 60)} m ${Math.round(s % 60)} s` : `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} m`;
const range = (n) => [...Array(n).keys()];

const pen = document.createElement("canvas").getContext("2d");
function width(text, bold) {
  pen.font = `${bold ? "600 " : ""}12px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

const series = (hue) => hue == null ? "var(--others)" : `var(--c${hue})`;
function sequential(t) {
  const at = Math.min(1, Math.max(0, t)) * 4, i = Math.min(3, Math.floor(at));
  return `color-mix(in srgb, var(--s${i + 1}) ${((at - i) * 100).toFixed(0)}%, var(--s${i}))`;
}

// Content next to a point of the window, inside of it.
function showTip(x, y, ...content) {
  tip.replaceChildren(...content);
  tip.style.display = "block";
  const box = tip.getBoundingClientRect(), { clientWidth, clientHeight } = document.documentElement;
  tip.style.left = `${Math.max(4, x + 14 + box.width > clientWidth - 4 ? Math.min(x - 14, clientWidth - 4) - box.width : x + 14)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, clientHeight - box.height - 4))}px`;
}
function hideTip() { tip.style.display = "none"; }
