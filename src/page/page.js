"use strict";
const studies = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const tip = document.getElementById("tip");

// Names are data: they only ever become text nodes.
function node(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.append(...children);
  return element;
}
function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text != null) element.textContent = text;
  return element;
}
const color = (v) => `var(--c${v % 8})`;
const digits = (half) => half > 0 ? Math.min(4, Math.max(1, -Math.floor(Math.log10(half)))) : 1;
const shorten = (name, most) => name.length > most ? `${name.slice(0, most - 1)}\u2026` : name;
const number = (x, d) => x.toFixed(d).replace("-", "\u2212");
const estimate = (m, h) => h == null ? number(m, 1) : `${number(m, digits(h))} \u00b1 ${number(h, digits(h))}`;

function showTip(event, ...content) {
  tip.replaceChildren(...content);
  tip.style.display = "block";
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8))}px`;
}
function hideTip() { tip.style.display = "none"; }

// Mean and half-width over the seeds that have a value; `t` holds Student's factor by number of values.
function summary(values, t) {
  const present = values.filter((v) => v != null), n = present.length;
  if (!n) return null;
  const mean = present.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, half: null, n };
  const variance = present.reduce((a, v) => a + (v - mean) ** 2, 0) / (n - 1);
  return { mean, half: t[n] * Math.sqrt(variance / n), n };
}

// Labels at least `gap` apart, in order, as near to their places as that allows: blocks of violators share their mean.
function spread(wanted, gap, lo, hi) {
  const order = wanted.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0]);
  const blocks = [];
  order.forEach(([y], k) => {
    blocks.push({ sum: y - k * gap, n: 1 });
    while (blocks.length > 1) {
      const b = blocks[blocks.length - 1], a = blocks[blocks.length - 2];
      if (a.sum / a.n <= b.sum / b.n) break;
      blocks.splice(-2, 2, { sum: a.sum + b.sum, n: a.n + b.n });
    }
  });
  const placed = [], bottom = Math.max(lo, hi - gap * (wanted.length - 1));
  let k = 0;
  for (const block of blocks) {
    const mean = Math.min(Math.max(block.sum / block.n, lo), bottom);
    for (let i = 0; i < block.n; i++, k++) placed[order[k][1]] = mean + k * gap;
  }
  return placed;
}

function ticks(lo, hi, target) {
  const raw = (hi - lo) / target, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const out = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + 1e-9 * step; i++) out.push(+(i * step).toPrecision(12));
  return out;
}

function study(data, root) {
  const find = (part) => root.querySelector(`[data-part="${part}"]`);
  const on = data.variants.map(() => true);
  const options = { train: true, band: true, seeds: false, log: true };
  const curves = data.variants.map((v) => ({
    held: data.epochs.map((_, e) => summary(v.runs.filter((r) => r.ok).map((r) => r.held[e]), data.t)),
    train: data.epochs.map((_, e) => summary(v.runs.filter((r) => r.ok).map((r) => r.train[e]), data.t)),
  }));
  // A mean over fewer seeds than before would jump: it ends with the shortest run.
  for (let v = 0; v < curves.length; v++) {
    const full = data.variants[v].runs.filter((r) => r.ok).length;
    for (const key of ["held", "train"]) curves[v][key] = curves[v][key].map((s) => s && s.n === full ? s : null);
  }

  function focus(v) {
    root.querySelectorAll("svg [data-v]").forEach((x) => x.classList.toggle("dim", v != null && +x.dataset.v !== v));
  }

  function drawCurves() {
    const holder = find("curves");
    if (!holder || !data.epochs.length) return;
    const shown = data.variants.map((_, i) => i).filter((i) => on[i] && curves[i].held.some(Boolean));
    const W = Math.max(300, holder.clientWidth), wide = W > 640 && shown.length <= 14;
    const names = shown.map((i) => shorten(data.variants[i].label, 30)), longest = Math.max(0, ...names.map((name) => name.length));
    const L = 46, R = wide ? 130 + 7.4 * longest : 12, T = 12, B = 40, H = Math.max(wide ? 380 : 300, wide ? shown.length * 18 + 60 : 0);
    const last = data.epochs[data.epochs.length - 1], first = data.epochs[0], from = 1 + Math.floor(last / 15);
    const values = [];
    for (const i of shown) data.epochs.forEach((epoch, e) => {
      for (const s of options.train ? [curves[i].held[e], curves[i].train[e]] : [curves[i].held[e]])
        if (s && (epoch >= from || last < 15)) values.push(s.mean);
    });
    if (!values.length) { holder.replaceChildren(node("p", { class: "muted" }, "No curve is selected.")); return; }
    let lo = Math.min(...values), hi = Math.max(...values);
    const air = (hi - lo || Math.abs(hi) * 0.05 || 1) * 0.05;
    lo -= air; hi += air;
    const log = options.log && lo > 0, f = log ? Math.log : (x) => x;
    const X = (epoch) => last === first ? (L + W - R) / 2 : L + (W - L - R) * (epoch - first) / (last - first);
    const Y = (y) => T + (H - T - B) * (f(hi) - f(Math.max(y, log ? 1e-9 : -Infinity))) / (f(hi) - f(lo));
    const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `Loss curves of ${data.name}` });
    const clip = shape("clipPath", { id: `clip-${data.id}` });
    clip.append(shape("rect", { x: L, y: T, width: W - L - R, height: H - T - B }));
    const plot = shape("g", { "clip-path": `url(#clip-${data.id})` });
    svg.append(clip);
    for (const t of ticks(lo, hi, 6)) svg.append(
      shape("line", { x1: L, x2: W - R, y1: Y(t), y2: Y(t), stroke: "var(--line)" }),
      shape("text", { x: L - 8, y: Y(t) + 4, "text-anchor": "end", class: "m" }, t));
    for (const t of [first, ...ticks(first, last, W > 640 ? 6 : 4).filter((t) => t > first + (last - first) / 12 && t < last - (last - first) / 12 && Number.isInteger(t)), ...(last > first ? [last] : [])]) svg.append(
      shape("line", { x1: X(t), x2: X(t), y1: H - B, y2: H - B + 4, stroke: "var(--axis)" }),
      shape("text", { x: X(t), y: H - B + 18, "text-anchor": "middle", class: "m" }, t));
    svg.append(
      shape("line", { x1: L, x2: W - R, y1: H - B, y2: H - B, stroke: "var(--axis)" }),
      shape("text", { x: (L + W - R) / 2, y: H - 5, "text-anchor": "middle" }, data.step),
      shape("text", { transform: `translate(11 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.axis));
    const path = (points) => points.length ? "M" + points.map(([e, y]) => `${X(e).toFixed(1)} ${Y(y).toFixed(1)}`).join("L") : "";
    const means = (list) => list.flatMap((s, e) => s ? [[data.epochs[e], s.mean]] : []);
    const draw = (i, d, extra) => plot.append(shape("path", { d, fill: "none", stroke: color(i), "data-v": i, "stroke-linejoin": "round", ...extra }));
    if (options.band) for (const i of shown) {
      const rows = curves[i].held.flatMap((s, e) => s && s.half != null ? [[data.epochs[e], s]] : []);
      const outline = [...rows.map(([e, s]) => [e, s.mean + s.half]), ...rows.reverse().map(([e, s]) => [e, s.mean - s.half])];
      plot.append(shape("path", { d: path(outline) + "Z", fill: color(i), "fill-opacity": 0.17, "data-v": i }));
    }
    for (const i of shown) for (const run of data.variants[i].runs) if (options.seeds || !run.ok)
      draw(i, path(run.held.flatMap((y, e) => y == null ? [] : [[data.epochs[e], y]])), { "stroke-opacity": 0.45 });
    if (options.train) for (const i of shown) draw(i, path(means(curves[i].train)), { "stroke-dasharray": "4 3" });
    for (const i of shown) {
      const points = means(curves[i].held);
      draw(i, path(points), { "stroke-width": 2 });
      if (points.length === 1) plot.append(shape("circle", { cx: X(points[0][0]), cy: Y(points[0][1]), r: 4, fill: color(i), "data-v": i }));
    }
    svg.append(plot);
    if (wide) {
      const ends = shown.map((i) => curves[i].held.filter(Boolean).pop());
      const scores = shown.map((i) => summary(data.variants[i].runs.map((r) => r.score), data.t));
      const wanted = ends.map((s) => Math.min(Math.max(Y(s.mean), T), H - B)), got = spread(wanted, 17, T + 22, H - B - 2);
      shown.forEach((i, j) => {
        const x = W - R, y = got[j];
        svg.append(
          shape("path", { d: `M${x + 2} ${wanted[j]}L${x + 11} ${y}H${x + 15}`, fill: "none", stroke: color(i), "data-v": i }),
          shape("circle", { cx: x + 18, cy: y, r: 3.5, fill: color(i), "data-v": i }),
          shape("text", { x: x + 27, y: y + 4, "font-weight": 600, "data-v": i }, names[j]),
          shape("text", { x: W - 2, y: y + 4, "text-anchor": "end", class: "m", "data-v": i }, scores[j] ? estimate(scores[j].mean, scores[j].half) : ""));
      });
      svg.append(shape("text", { x: W - 2, y: Math.min(...got) - 14, "text-anchor": "end", class: "m" }, data.held));
    }
    const cursor = shape("line", { y1: T, y2: H - B, stroke: "var(--axis)", visibility: "hidden" });
    const pane = shape("rect", { x: L, y: T, width: W - L - R, height: H - T - B, fill: "transparent", "data-part": "pane" });
    pane.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const at = first + (event.clientX - box.left - L) / (W - L - R) * (last - first);
      let e = 0;
      data.epochs.forEach((epoch, i) => { if (Math.abs(epoch - at) < Math.abs(data.epochs[e] - at)) e = i; });
      cursor.setAttribute("x1", X(data.epochs[e]));
      cursor.setAttribute("x2", X(data.epochs[e]));
      cursor.setAttribute("visibility", "visible");
      const rows = shown.filter((i) => curves[i].held[e]).sort((a, b) => curves[b].held[e].mean - curves[a].held[e].mean);
      const body = rows.slice(0, 16).map((i) => {
        const held = curves[i].held[e], train = curves[i].train[e];
        return node("tr", {}, node("td", {}, node("span", { class: `dot k${i % 8}` })), node("td", { class: "l" }, data.variants[i].label),
          node("td", {}, estimate(held.mean, held.half)), node("td", { class: "muted" }, options.train && train ? `train ${number(train.mean, 1)}` : ""));
      });
      showTip(event, node("b", {}, `${data.step.toLowerCase()} ${data.epochs[e]}`), node("table", {}, node("tbody", {}, ...body)));
    });
    pane.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); hideTip(); });
    svg.append(cursor, pane);
    // Where there is no room for names at the lines, they stand below.
    const legend = () => node("div", { class: "bar muted" }, ...shown.map((i) =>
      node("span", { class: "key" }, node("span", { class: `dot k${i % 8}` }), data.variants[i].label)));
    holder.replaceChildren(svg, ...(wide ? [] : [legend()]));
  }

  function drawParallel() {
    const holder = find("parallel");
    if (!holder) return;
    const axes = [...data.axes.map((axis, j) => ({ name: axis.name, levels: axis.levels, of: (v) => axis.levels.indexOf(data.variants[v].levels[j]) })),
      { name: "seed", levels: data.seeds.map(String), of: (v, r) => r }];
    const runs = data.variants.flatMap((variant, v) => variant.runs.map((run, r) => ({ v, r, run })).filter((x) => on[v] && x.run.score != null));
    const W = Math.max(holder.clientWidth, 110 * (axes.length + 1), 300), H = 260, T = 34, B = 18, L = 60, R = 60;
    const X = (j) => L + (W - L - R) * j / axes.length;
    const scores = runs.map((x) => x.run.score), lo = Math.min(...scores), hi = Math.max(...scores);
    const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `Runs of ${data.name}, axis by axis` });
    if (!runs.length) { holder.replaceChildren(node("p", { class: "muted" }, "No finished run is selected.")); return; }
    const level = (axis, k, shift) => axis.levels.length < 2 ? (H + T - B) / 2 + shift : H - B - 8 - (H - T - B - 16) * k / (axis.levels.length - 1) + shift;
    const score = (y) => hi === lo ? (H + T - B) / 2 : H - B - (H - T - B) * (y - lo) / (hi - lo);
    runs.forEach((x, n) => {
      const shift = runs.length < 2 ? 0 : -6 + 12 * n / (runs.length - 1);
      const points = [...axes.map((axis, j) => [X(j), level(axis, axis.of(x.v, x.r), shift)]), [X(axes.length), score(x.run.score)]];
      const line = shape("path", { d: "M" + points.map((p) => p.map((c) => c.toFixed(1)).join(" ")).join("L"), fill: "none", stroke: color(x.v), "stroke-width": 1.6, "stroke-opacity": 0.75, "data-v": x.v });
      line.addEventListener("pointermove", (event) => {
        line.setAttribute("stroke-width", 4);
        showTip(event, node("b", {}, `${data.variants[x.v].label}, seed ${data.seeds[x.r]}`), node("div", {}, `${data.metric} ${number(x.run.score, 2)} ${data.unit}`), node("div", { class: "muted" }, x.run.id));
      });
      line.addEventListener("pointerleave", () => { line.setAttribute("stroke-width", 1.6); hideTip(); });
      svg.append(line);
    });
    const head = (j, name) => svg.append(shape("line", { x1: X(j), x2: X(j), y1: T, y2: H - B, stroke: "var(--axis)" }), shape("text", { x: X(j), y: 14, "text-anchor": "middle", "font-weight": 600 }, name));
    axes.forEach((axis, j) => {
      head(j, axis.name);
      const every = Math.ceil(axis.levels.length / 12);
      axis.levels.forEach((name, k) => { if (k % every === 0) svg.append(shape("text", { x: X(j) - 7, y: level(axis, k, 4), "text-anchor": "end", class: "halo" }, shorten(name, 12))); });
    });
    head(axes.length, data.family);
    for (const y of hi === lo ? [lo] : [lo, (lo + hi) / 2, hi]) svg.append(shape("text", { x: X(axes.length) + 7, y: score(y) + 4, class: "halo" }, number(y, 1)));
    holder.replaceChildren(svg);
  }

  function compare() {
    const [a, b] = ["left", "right"].map((side) => data.variants[+find(side).value].config);
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => a[k] !== b[k]);
    const cell = (text) => node("td", { class: "l" }, node("code", {}, text ?? "\u2013"));
    const rows = keys.map((k) => node("tr", {}, node("td", {}, node("code", {}, k)), cell(a[k]), cell(b[k])));
    find("differences").replaceChildren(...(rows.length ? rows : [node("tr", {}, node("td", { colspan: 3 }, "The same settings."))]));
  }

  function draw() { drawCurves(); drawParallel(); }

  const table = find("table");
  if (table) {
    const body = table.tBodies[0];
    table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
      const th = button.closest("th"), column = [...th.parentNode.children].indexOf(th);
      const down = th.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
      const key = (row) => row.children[column].dataset.k ?? "";
      const numeric = [...body.rows].every((row) => key(row) === "" || !Number.isNaN(+key(row)));
      // A missing number comes last, whichever way.
      const order = (x, y) => x === "" || y === "" ? (x === "") - (y === "") : down * (numeric ? x - y : x.localeCompare(y));
      body.append(...[...body.rows].sort((x, y) => order(key(x), key(y))));
    }));
    [...body.rows].forEach((row) => {
      const v = +row.dataset.variant, box = row.querySelector("input");
      box.disabled = false;
      box.addEventListener("change", () => { on[v] = box.checked; row.classList.toggle("off", !box.checked); draw(); });
      row.addEventListener("pointerenter", () => focus(v));
      row.addEventListener("pointerleave", () => focus(null));
    });
  }
  root.querySelectorAll("[data-option]").forEach((button) => button.addEventListener("click", () => {
    const key = button.dataset.option;
    options[key] = !options[key];
    button.setAttribute("aria-pressed", options[key]);
    drawCurves();
  }));
  for (const [part, value] of [["all", true], ["none", false]]) find(part)?.addEventListener("click", () => {
    table.querySelectorAll("tbody tr").forEach((row) => { row.querySelector("input").checked = value; row.classList.toggle("off", !value); });
    on.fill(value);
    draw();
  });
  for (const side of ["left", "right"]) find(side)?.addEventListener("change", compare);
  if (find("left")) compare();
  draw();
  return draw;
}

const redraw = studies.map((data) => study(data, document.getElementById(data.id)));
let width = innerWidth, timer;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(timer);
  timer = setTimeout(() => redraw.forEach((draw) => draw()), 80);
});
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
