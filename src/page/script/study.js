
// A study: its state, what is shown of it, and the wires between controls, charts and tables.
function makeStudy(data, root) {
  const find = (part) => root.querySelector(`[data-part="${part}"]`);
  const small = data.axes.find((axis) => axis.levels.length > 1 && axis.levels.length <= 8);
  const first = { x: "step", group: "", colour: data.variants.length <= 8 ? "variant" : small ? `axis ${small.name}` : "metric", train: data.variants.length <= 14, band: data.variants.length <= 14, seeds: false, log: data.log };
  const state = { ...first }, ticked = data.variants.map(() => true), levels = data.axes.map((axis) => axis.levels.map(() => true));
  const scores = data.variants.map((v) => average(v.runs.map((r) => r.score).filter((s) => s != null)));
  const table = find("table"), rows = table ? [...table.tBodies[0].rows].sort((a, b) => a.dataset.variant - b.dataset.variant) : [];
  const study = { data, root, find, state, curveRows: () => [], parallelRows: () => [] };
  const passes = (v) => data.axes.every((axis, a) => levels[a][axis.levels.indexOf(data.variants[v].levels[a])] !== false);
  study.isOn = (v) => ticked[v] && passes(v);
  const on = () => range(data.variants.length).filter(study.isOn);

  // Runs by id: the variant and the seed.
  const runs = new Map();
  data.variants.forEach((variant, v) => variant.runs.forEach((run, s) => { if (!runs.has(run.id)) runs.set(run.id, [v, s]); }));
  study.where = (id) => runs.get(id) ?? [];
  study.label = (run) => data.variants[study.where(run.id)[0]].label;
  study.seed = (run) => data.seeds[study.where(run.id)[1]];

  const single = data.variants.map(() => null);
  study.lines = () => {
    const axis = data.axes.findIndex((a) => a.name === state.group);
    if (axis < 0) return on().map((v) => single[v] ??= lineOf(data, data.variants[v].label, [v]));
    return data.axes[axis].levels.map((level) => [level, on().filter((v) => data.variants[v].levels[axis] === level)])
      .filter(([, members]) => members.length).map(([level, members]) => lineOf(data, levelName(state.group, level), members));
  };
  const axisOfColour = () => data.axes.findIndex((axis) => `axis ${axis.name}` === state.colour);
  const ofLevel = (a, level) => {
    const n = data.axes[a].levels.length, l = data.axes[a].levels.indexOf(level);
    return n <= 8 ? series(Math.max(0, l)) : sequential(l / (n - 1));
  };
  const span = () => { const all = on().map((v) => scores[v]).filter((s) => s != null); return [Math.min(...all), Math.max(...all)]; };
  const ofScore = (score) => {
    const [lo, hi] = span(), t = hi > lo ? (score - lo) / (hi - lo) : 1;
    return score == null ? "var(--axis)" : sequential(data.lower ? 1 - t : t);
  };
  study.colourOf = (v) => {
    const a = axisOfColour();
    return state.colour === "metric" ? ofScore(scores[v]) : a >= 0 ? ofLevel(a, data.variants[v].levels[a]) : series(data.variants[v].hue);
  };
  study.colour = (line) => {
    const a = data.axes.findIndex((axis) => axis.name === state.group);
    return a < 0 ? study.colourOf(line.members[0]) : state.colour === "metric" ? ofScore(line.score?.mean) : ofLevel(a, data.variants[line.members[0]].levels[a]);
  };
  // Keys of the colours, where no name stands at the line.
  study.keys = (unnamed) => {
    const a = axisOfColour(), grouped = data.axes.findIndex((axis) => axis.name === state.group);
    if (state.colour === "metric") {
      const [lo, hi] = span(), best = data.lower ? lo : hi, worst = data.lower ? hi : lo;
      return Number.isFinite(lo) ? [{ colour: ofScore(best), text: `${data.family} ${number(best, digits(best, null))}` }, { colour: ofScore((lo + hi) / 2), text: "between" }, { colour: ofScore(worst), text: number(worst, digits(worst, null)) }] : [];
    }
    if (a >= 0 && grouped < 0) return data.axes[a].levels.map((level) => ({ colour: ofLevel(a, level), text: levelName(data.axes[a].name, level) }));
    if (unnamed.length > 24) return [{ colour: "var(--axis)", text: `${unnamed.length} lines, and colours repeat: colour them by an axis or by ${data.family}` }];
    return unnamed.map((line) => ({ colour: study.colour(line), text: line.label }));
  };

  study.focusLine = (svg, i) => svg.querySelectorAll("[data-v]").forEach((x) => x.classList.toggle("dim", i != null && +x.dataset.v !== i));
  study.focus = (v) => {
    const i = v == null ? null : study.lines().filter((line) => line.held.some(Boolean) && line.scale[state.x] != null).findIndex((line) => line.members.includes(v));
    root.querySelectorAll("[data-part=curves] svg").forEach((svg) => study.focusLine(svg, i != null && i < 0 ? null : i));
    root.querySelectorAll("[data-part=parallel] path[data-variant]").forEach((x) => x.classList.toggle("dim", v != null && +x.dataset.variant !== v));
  };

  study.draw = () => { drawCurves(study); drawParallel(study); };
  // Everything that depends on the state.
  study.show = () => {
    // Groups have the colours of their axis.
    if (state.group && state.colour !== "metric") state.colour = `axis ${state.group}`;
    const n = on().length;
    rows.forEach((row, v) => {
      row.hidden = !passes(v);
      row.classList.toggle("off", !ticked[v]);
      row.querySelector("input").checked = ticked[v];
      row.style.setProperty("--own", study.colourOf(v));
    });
    root.querySelectorAll("tr[data-variant], figure[data-variant]").forEach((x) => { if (x.closest("[data-part]") !== table) x.hidden = !study.isOn(+x.dataset.variant); });
    root.querySelectorAll("[data-level]").forEach((button) => button.setAttribute("aria-pressed", levels[button.dataset.axis][button.dataset.level]));
    root.querySelectorAll("[data-option]").forEach((button) => button.setAttribute("aria-pressed", state[button.dataset.option]));
    root.querySelectorAll("[data-choice]").forEach((select) => { select.value = state[select.dataset.choice]; });
    const shown = find("shown");
    if (shown) shown.textContent = n < data.variants.length ? `${n} of ${data.variants.length} variants` : "";
    drawGroups(study);
    study.draw();
  };

  // The state as options of the address, and back; names, so that a link outlives a variant that is added.
  study.keep = () => {
    const own = Object.keys(first).filter((key) => state[key] !== first[key]).map((key) => [key, typeof state[key] === "boolean" ? String(+state[key]) : state[key]]);
    data.axes.forEach((axis, a) => { const off = axis.levels.filter((_, l) => !levels[a][l]); if (off.length) own.push([`without ${axis.name}`.replaceAll(".", "\u00b7"), joined(off)]); });
    const names = (wanted) => joined(data.variants.filter((_, v) => ticked[v] === wanted).map((v) => v.name)), off = ticked.filter((t) => !t).length;
    if (off) own.push(off <= ticked.length / 2 ? ["hide", names(false)] : ["only", names(true)]);
    keepOptions(data.id, own);
  };
  study.restore = () => {
    const own = optionsOf(data.id), text = (key) => own.get(key);
    for (const key in first) {
      const allowed = [...root.querySelectorAll(`[data-choice="${key}"] option`)].map((option) => option.value);
      state[key] = !own.has(key) ? first[key] : typeof first[key] === "boolean" ? text(key) === "1" : allowed.includes(text(key)) ? text(key) : first[key];
    }
    data.axes.forEach((axis, a) => { const off = parted(text(`without ${axis.name}`.replaceAll(".", "\u00b7")) ?? ""); levels[a] = axis.levels.map((level) => !off.includes(level)); });
    const hide = own.has("hide") && parted(text("hide")), only = own.has("only") && parted(text("only"));
    data.variants.forEach((variant, v) => { ticked[v] = only ? only.includes(variant.name) : !(hide && hide.includes(variant.name)); });
    study.show();
  };
  const change = (act) => { act(); study.show(); study.keep(); };

  rows.forEach((row, v) => {
    row.querySelector("input").addEventListener("change", (event) => change(() => { ticked[v] = event.target.checked; }));
    row.addEventListener("pointerenter", () => study.focus(v));
    row.addEventListener("pointerleave", () => study.focus(null));
  });
  if (table) wireSorting(table);
  for (const [part, value] of [["all", true], ["none", false]]) find(part)?.addEventListener("click", () => change(() => ticked.fill(value)));
  find("reset")?.addEventListener("click", () => change(() => { Object.assign(state, first); ticked.fill(true); levels.forEach((own) => own.fill(true)); }));
  root.querySelectorAll("[data-level]").forEach((button) => button.addEventListener("click", () => change(() => {
    const { axis, level } = button.dataset;
    levels[axis][level] = !levels[axis][level];
  })));
  root.querySelectorAll("[data-option]").forEach((button) => button.addEventListener("click", () => change(() => { state[button.dataset.option] = !state[button.dataset.option]; })));
  root.querySelectorAll("[data-choice]").forEach((select) => select.addEventListener("change", () => change(() => { state[select.dataset.choice] = select.value; })));
  const can = { updates: data.variants.some((v) => v.updates != null), seconds: data.variants.some((v) => v.runs.some((r) => r.seconds != null && r.last)) };
  for (const option of root.querySelectorAll("[data-choice=x] option")) if (can[option.value] === false) option.remove();
  root.querySelectorAll("a[href^='#run/']").forEach((link) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openRun(link.hash.slice(5), study);
  }));
  wireTwo(study);
  wireExports(study);
  return study;
}

const all = JSON.parse(document.querySelector("script[type='application/json']").textContent).map((data) => makeStudy(data, document.getElementById(data.id)));
function followAddress() {
  const isState = readAddress();
  if (isState) all.forEach((study) => study.restore());
  if (place.anchor.startsWith("run/") && openRun(place.anchor.slice(4), all.find((study) => study.shown === place.anchor.slice(4)))) return;
  if (dialog.open) dialog.close();
  if (isState) document.getElementById(place.anchor)?.scrollIntoView();
  else if (place.options.size) writeAddress();
}
all.forEach((study) => study.show());
followAddress();
addEventListener("hashchange", followAddress);
let windowWidth = innerWidth, timer;
addEventListener("resize", () => {
  if (innerWidth === windowWidth) return;
  windowWidth = innerWidth;
  clearTimeout(timer);
  timer = setTimeout(() => all.forEach((study) => study.draw()), 80);
});
// A paper shows everything that a screen folds.
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((fold) => { fold.open = true; fold.dataset.folded = ""; }));
addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach((fold) => { fold.open = false; delete fold.dataset.folded; }));
document.querySelector("[data-part=theme]").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
