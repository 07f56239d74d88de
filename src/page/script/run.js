
// The view of one run: state, curve, pictures, settings, output.
const dialog = document.querySelector("dialog");
let before = "";

function runCurve(study, v, run) {
  const { data } = study;
  const rows = data.epochs.map((epoch, e) => ({ epoch, held: run.held[e], train: run.train[e] })).filter((row) => row.held != null || row.train != null);
  if (!rows.length) return null;
  const others = data.variants[v].runs.filter((other) => other !== run);
  const from = 1 + Math.floor(rows[rows.length - 1].epoch / 15), steady = rows.filter((row) => row.epoch >= from || rows.length < 15);
  const values = steady.flatMap((row) => [row.held, row.train]).filter((y) => y != null);
  let lo = Math.min(...values), hi = Math.max(...values);
  const air = (hi - lo || Math.abs(hi) * 0.05 || 1) * 0.05;
  [lo, hi] = [lo - air, hi + air];
  const W = Math.max(280, Math.min(640, innerWidth - 80)), H = 220, L = 56, R = 12, T = 10, B = 38, first = rows[0].epoch, last = rows[rows.length - 1].epoch;
  const X = (x) => last === first ? (L + W - R) / 2 : L + (W - L - R) * (x - first) / (last - first), Y = (y) => T + (H - T - B) * (hi - y) / (hi - lo);
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", "aria-label": `Curve of run ${run.id}` });
  const clip = shape("clipPath", { id: "clip-run" }), plot = shape("g", { "clip-path": "url(#clip-run)" });
  clip.append(shape("rect", { x: L, y: T, width: W - L - R, height: H - T - B }));
  svg.append(clip);
  for (const t of ticks(lo, hi, 4)) svg.append(shape("line", { x1: L, x2: W - R, y1: Y(t), y2: Y(t), stroke: "var(--line)" }), shape("text", { x: L - 8, y: Y(t) + 4, "text-anchor": "end", class: "m" }, tickText(t)));
  for (const t of last > first ? [first, last] : [first]) svg.append(shape("text", { x: X(t), y: H - B + 16, "text-anchor": "middle", class: "m" }, t));
  svg.append(shape("line", { x1: L, x2: W - R, y1: H - B, y2: H - B, stroke: "var(--axis)" }), shape("text", { x: (L + W - R) / 2, y: H - 5, "text-anchor": "middle" }, data.step),
    shape("text", { transform: `translate(12 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.axis));
  const path = (points) => points.length ? "M" + points.map(([x, y]) => `${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("L") : "";
  const curve = (of, key) => data.epochs.flatMap((epoch, e) => of[key][e] == null ? [] : [[epoch, of[key][e]]]);
  for (const other of others) plot.append(shape("path", { d: path(curve(other, "held")), fill: "none", stroke: "var(--axis)", "stroke-opacity": 0.6 }));
  plot.append(shape("path", { d: path(curve(run, "train")), fill: "none", stroke: study.colourOf(v), "stroke-dasharray": "4 3" }),
    shape("path", { d: path(curve(run, "held")), fill: "none", stroke: study.colourOf(v), "stroke-width": 2 }));
  if (rows.length === 1 && rows[0].held != null) plot.append(shape("circle", { cx: X(first), cy: Y(rows[0].held), r: 4, fill: study.colourOf(v) }));
  svg.append(plot);
  const words = `Solid: ${data.curve}${run.train.length ? ", dashed: train" : ""}${others.length ? "; grey: the other seeds of this variant" : ""}.`;
  return [svg, node("p", { class: "muted" }, words)];
}

function settingsTable(own, other) {
  const keys = [...new Set([...Object.keys(own), ...Object.keys(other ?? {})])].sort().filter((k) => !other || own[k] !== other[k]);
  const code = (text) => node("td", { class: "l" }, node("code", {}, text ?? "\u2013"));
  if (!keys.length) return node("p", {}, "The same settings as the baseline.");
  const heads = other ? ["setting", "this run", "baseline"] : ["setting", "value"];
  return node("div", { class: "wrap", tabindex: 0, role: "group", "aria-label": other ? "Settings unlike the baseline" : "All settings" }, node("table", {}, node("thead", {}, node("tr", {}, ...heads.map((h) => node("th", { class: "l", scope: "col" }, h)))),
    node("tbody", {}, ...keys.map((k) => node("tr", {}, code(k), code(own[k]), ...(other ? [code(other[k])] : []))))));
}

function showRun(study, v, s) {
  const { data } = study, variant = data.variants[v], run = variant.runs[s];
  const facts = [["variant", variant.label], ["seed", String(data.seeds[s])], ["run", run.id], ["status", run.status], ["reason", run.error],
    [data.metric, run.score == null ? null : `${number(run.score, digits(run.score, null))} ${data.unit}`.trim()],
    [`last ${data.step.toLowerCase()}`, run.last], [`best ${data.step.toLowerCase()}`, run.best], ["time", run.seconds == null ? null : duration(run.seconds)],
    ["directory", run.status === "failed" ? `runs/${run.id}.failed.toml, unfinished/${run.id}.files in the results` : run.status === "outstanding" ? null : `runs/${run.id} in the results`]];
  const list = node("dl", {}, ...facts.filter(([, value]) => value != null).flatMap(([name, value]) => [node("dt", {}, name), node("dd", {}, String(value))]));
  const seeds = node("nav", { "aria-label": "Runs of this variant" }, "Seeds: ", ...variant.runs.flatMap((other, i) => {
    const link = node("a", { href: `#run/${other.id}` }, String(data.seeds[i]));
    if (i === s) link.setAttribute("aria-current", "true");
    return [link, " "];
  }));
  const pictures = [...study.root.querySelectorAll(`figure[data-variant="${v}"]`)];
  const grids = node("div", { class: "grids" }, ...pictures.map((figure) => figure.cloneNode(true)));
  grids.querySelectorAll("[hidden]").forEach((figure) => { figure.hidden = false; });
  const ofThis = pictures.some((figure) => figure.dataset.run === run.id);
  const baseline = data.baseline == null || data.baseline === v ? null : data.variants[data.baseline].config;
  const close = node("button", { type: "button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const curve = runCurve(study, v, run);
  dialog.replaceChildren(
    node("div", { class: "top" }, node("h2", { id: "run" }, `${variant.label}, seed ${data.seeds[s]}`), close), seeds, list,
    ...(curve ? [node("h3", {}, "Curve"), ...curve] : []),
    ...(pictures.length ? [node("h3", {}, "Samples"), ...(ofThis ? [] : [node("p", { class: "muted" }, "Of another seed of this variant.")]), grids] : []),
    ...(baseline ? [node("h3", {}, "Settings unlike the baseline"), settingsTable(variant.config, baseline)] : []),
    node("details", {}, node("summary", {}, "All settings"), settingsTable({ ...data.common, ...variant.config })),
    ...(run.log ? [node("h3", {}, "End of its output"), node("pre", { tabindex: 0 }, run.log)] : []));
  study.shown = run.id;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  close.focus({ preventScroll: true });
}

function openRun(id, hint) {
  const found = [hint, ...all].filter(Boolean).map((study) => [study, ...study.where(id)]).find(([, v]) => v != null);
  if (!found) return false;
  if (!place.anchor.startsWith("run/")) before = place.anchor;
  place.anchor = `run/${id}`;
  writeAddress();
  hideTip();
  showRun(...found);
  return true;
}
dialog.addEventListener("close", () => {
  if (place.anchor.startsWith("run/")) { place.anchor = before; writeAddress(); }
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
