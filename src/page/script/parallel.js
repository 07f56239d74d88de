
// One line a run across the axes of a study, up to its metric.
function drawParallel(study) {
  const { data, state } = study, holder = study.find("parallel");
  if (!holder) return;
  const runs = data.variants.flatMap((variant, v) => variant.runs.map((run, r) => ({ v, r, run })).filter((x) => study.isOn(v) && x.run.score != null));
  study.parallelRows = () => [["variant", ...data.axes.map((axis) => axis.name), "seed", data.metric, "run"],
    ...runs.map((x) => [data.variants[x.v].label, ...data.variants[x.v].levels, data.seeds[x.r], x.run.score, x.run.id])];
  if (!runs.length) { holder.replaceChildren(node("p", { class: "muted" }, "No finished run is selected.")); return; }
  const axes = [...data.axes.map((axis, j) => ({ name: axis.name, levels: axis.levels, of: (v) => axis.levels.indexOf(data.variants[v].levels[j]) })),
    { name: "seed", levels: data.seeds.map(String), of: (v, r) => r }];
  const short = (name) => shorten(name, 14);
  const tall = Math.max(...axes.map((axis) => Math.min(axis.levels.length, 12)));
  const room = Math.max(40, ...axes[0].levels.map((level) => width(short(level)) + 12));
  const W = Math.max(holder.clientWidth, room + 130 * axes.length + 70, 280), H = Math.max(260, 60 + 22 * tall), T = 34, B = 18, L = room, R = 64;
  const X = (j) => L + (W - L - R) * j / axes.length;
  const scores = runs.map((x) => x.run.score), lo = Math.min(...scores), hi = Math.max(...scores), decimals = digits((hi - lo) || hi, null);
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "group", "aria-label": `Runs of ${data.name}, axis by axis` });
  const level = (axis, k, shift) => axis.levels.length < 2 ? (H + T - B) / 2 + shift : H - B - 8 - (H - T - B - 16) * k / (axis.levels.length - 1) + shift;
  const score = (y) => hi === lo ? (H + T - B) / 2 : H - B - (H - T - B) * (y - lo) / (hi - lo);
  const group = shape("g", { tabindex: 0, role: "button", "aria-label": `Runs of ${data.name}: arrow keys go from run to run, best first; Enter opens one` });
  const order = [...range(runs.length)].sort((a, b) => (scores[a] - scores[b]) * (data.lower ? 1 : -1));
  let chosen = -1;
  const lines = runs.map((x, n) => {
    const shift = runs.length < 2 ? 0 : -5 + 10 * n / (runs.length - 1);
    const points = [...axes.map((axis, j) => [X(j), level(axis, axis.of(x.v, x.r), shift)]), [X(axes.length), score(x.run.score)]];
    const d = "M" + points.map((p) => p.map((c) => c.toFixed(1)).join(" ")).join("L");
    const line = shape("path", { d, fill: "none", stroke: study.colourOf(x.v), "stroke-width": 1.6, "stroke-opacity": 0.75, "data-variant": x.v, "data-run": x.run.id });
    // A line is easier to hit than it is wide.
    const target = shape("path", { d, fill: "none", stroke: "transparent", "stroke-width": 9, "pointer-events": "stroke", "data-tool": "" });
    const tell = (clientX, clientY) => {
      line.setAttribute("stroke-width", 4);
      showTip(clientX, clientY, node("b", {}, `${data.variants[x.v].label}, seed ${data.seeds[x.r]}`), node("div", {}, `${data.metric} ${number(x.run.score, digits(x.run.score, null))} ${data.unit}`), node("div", { class: "muted" }, x.run.id));
    };
    target.addEventListener("pointermove", (event) => tell(event.clientX, event.clientY));
    target.addEventListener("pointerleave", () => { line.setAttribute("stroke-width", 1.6); hideTip(); });
    target.addEventListener("click", () => openRun(x.run.id, study));
    group.append(line, target);
    return { line, tell, end: points[points.length - 1] };
  });
  const rest = () => { lines.forEach(({ line }) => line.setAttribute("stroke-width", 1.6)); hideTip(); };
  const go = (by) => () => {
    rest();
    chosen = (chosen + by + runs.length) % runs.length;
    const { tell, end } = lines[order[chosen]], box = svg.getBoundingClientRect();
    tell(box.left + end[0] - 40, box.top + end[1]);
  };
  onKeys(group, { ArrowUp: go(-1), ArrowLeft: go(-1), ArrowDown: go(1), ArrowRight: go(1), Enter: () => chosen >= 0 && openRun(runs[order[chosen]].run.id, study) });
  group.addEventListener("blur", rest);
  svg.append(group);
  const head = (j, name) => {
    const end = j === axes.length ? "end" : j ? "middle" : "start";
    svg.append(shape("line", { x1: X(j), x2: X(j), y1: T, y2: H - B, stroke: "var(--axis)" }),
      shape("text", { x: end === "end" ? W - 2 : end === "start" ? 2 : X(j), y: 14, "text-anchor": end, "font-weight": 600 }, shorten(name, 20)));
  };
  axes.forEach((axis, j) => {
    head(j, axis.name);
    const every = Math.ceil(axis.levels.length / 12);
    axis.levels.forEach((name, k) => { if (k % every === 0) svg.append(shape("text", { x: X(j) - 8, y: level(axis, k, 4), "text-anchor": "end", class: "halo" }, short(name))); });
  });
  head(axes.length, data.family);
  for (const y of hi === lo ? [lo] : [lo, (lo + hi) / 2, hi]) svg.append(shape("text", { x: X(axes.length) + 7, y: score(y) + 4, class: "halo" }, number(y, Math.min(decimals, 4))));
  const keys = study.keys([]);
  if (keys.length) {
    const bottom = drawKeys(svg, keys, 8, W - 8, H + 14);
    svg.setAttribute("viewBox", `0 0 ${W} ${bottom}`);
    svg.setAttribute("height", bottom);
  }
  holder.replaceChildren(svg);
}
