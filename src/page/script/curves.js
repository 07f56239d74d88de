
// The chart of curves of a study, with a cursor that follows the pointer, a finger or the arrow keys.
function drawCurves(study) {
  const { data, state } = study, holder = study.find("curves");
  if (!holder || !data.epochs.length) return;
  const scaleOf = (line) => line.scale[state.x];
  const shown = study.lines().filter((line) => line.held.some(Boolean) && scaleOf(line) != null);
  const W = Math.max(280, holder.clientWidth), named = W > 640 && shown.length <= 14;
  const names = shown.map((line) => shorten(line.label, W > 900 ? 44 : 30));
  const scores = shown.map((line) => line.score ? estimate(line.score.mean, line.score.half) : "");
  const right = named ? 44 + Math.max(0, ...names.map((name) => width(name, true))) + Math.max(width(data.held), ...scores.map((s) => width(s))) : 12;
  const L = 56, R = Math.min(right, W * 0.5), T = 12, B = 42, H = Math.max(named ? 380 : 300, named ? shown.length * 18 + 60 : 0);
  const last = data.epochs[data.epochs.length - 1], first = data.epochs[0], from = 1 + Math.floor(last / 15);
  const values = [];
  for (const line of shown) data.epochs.forEach((epoch, e) => {
    for (const s of state.train ? [line.held[e], line.train[e]] : [line.held[e]])
      if (s && (epoch >= from || last < 15)) values.push(s.mean);
  });
  if (!values.length) { holder.replaceChildren(node("p", { class: "muted" }, "No curve is selected, or none has values.")); study.curveRows = () => []; return; }
  let lo = Math.min(...values), hi = Math.max(...values);
  const air = (hi - lo || Math.abs(hi) * 0.05 || 1) * 0.05;
  const isLog = state.log && lo > 0;
  lo = isLog ? lo / (1 + air / hi) : lo - air;
  hi += air;
  const f = isLog ? Math.log : (x) => x;
  const ends = shown.flatMap((line) => [first * scaleOf(line), last * scaleOf(line)]);
  const x0 = state.x === "step" ? first : 0, x1 = Math.max(...ends);
  const X = (x) => x1 === x0 ? (L + W - R) / 2 : L + (W - L - R) * (x - x0) / (x1 - x0);
  const Y = (y) => T + (H - T - B) * (f(hi) - f(Math.max(y, isLog ? 1e-9 : -Infinity))) / (f(hi) - f(lo));
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "group", "aria-label": `Curves of ${data.name}` });
  const clip = shape("clipPath", { id: `clip/${data.id}` });
  clip.append(shape("rect", { x: L, y: T, width: W - L - R, height: H - T - B }));
  const plot = shape("g", { "clip-path": `url("#clip/${data.id}")` });
  svg.append(clip);
  for (const t of ticks(lo, hi, 6)) svg.append(
    shape("line", { x1: L, x2: W - R, y1: Y(t), y2: Y(t), stroke: "var(--line)" }),
    shape("text", { x: L - 8, y: Y(t) + 4, "text-anchor": "end", class: "m" }, tickText(t)));
  const apart = (x1 - x0) / (W > 640 ? 12 : 6), whole = (t) => state.x === "seconds" || Number.isInteger(t);
  const inner = x1 > x0 ? ticks(x0, x1, W > 640 ? 6 : 4).filter((t) => t > x0 + apart && t < x1 - apart && whole(t)) : [];
  for (const t of [x0, ...inner, ...(x1 > x0 ? [x1] : [])]) svg.append(
    shape("line", { x1: X(t), x2: X(t), y1: H - B, y2: H - B + 4, stroke: "var(--axis)" }),
    shape("text", { x: X(t), y: H - B + 18, "text-anchor": "middle", class: "m" }, tickText(t >= 100 ? Math.round(t) : +t.toPrecision(2))));
  const xName = { step: data.step, updates: "Updates", seconds: "Seconds of a run, spread evenly over its epochs" }[state.x];
  svg.append(
    shape("line", { x1: L, x2: W - R, y1: H - B, y2: H - B, stroke: "var(--axis)" }),
    shape("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, xName),
    shape("text", { transform: `translate(12 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.axis + (isLog ? ", log scale" : "")));
  const at = (line, e) => data.epochs[e] * scaleOf(line);
  const path = (line, points) => points.length ? "M" + points.map(([e, y]) => `${X(at(line, e)).toFixed(1)} ${Y(y).toFixed(1)}`).join("L") : "";
  const means = (list) => list.flatMap((s, e) => s ? [[e, s.mean]] : []);
  const colour = (line) => study.colour(line);
  const draw = (i, d, extra) => d && plot.append(shape("path", { d, fill: "none", stroke: colour(shown[i]), "data-v": i, "stroke-linejoin": "round", ...extra }));
  if (state.band) shown.forEach((line, i) => {
    const rows = line.held.flatMap((s, e) => s && s.half != null ? [[e, s]] : []);
    const outline = [...rows.map(([e, s]) => [e, s.mean + s.half]), ...rows.reverse().map(([e, s]) => [e, s.mean - s.half])];
    if (rows.length) plot.append(shape("path", { d: path(line, outline) + "Z", fill: colour(line), "fill-opacity": 0.17, "data-v": i }));
  });
  const singles = (line) => line.members.flatMap((v) => data.variants[v].runs).filter((run) => run.held.length && (state.seeds || run.status === "diverged"));
  shown.forEach((line, i) => singles(line).forEach((run) =>
    draw(i, path(line, run.held.flatMap((y, e) => y == null ? [] : [[e, y]])), { "stroke-opacity": 0.45 })));
  if (state.train) shown.forEach((line, i) => draw(i, path(line, means(line.train)), { "stroke-dasharray": "4 3" }));
  shown.forEach((line, i) => {
    const points = means(line.held);
    draw(i, path(line, points), { "stroke-width": 2 });
    if (points.length === 1) plot.append(shape("circle", { cx: X(at(line, points[0][0])), cy: Y(points[0][1]), r: 4, fill: colour(line), "data-v": i }));
  });
  svg.append(plot);
  if (named) {
    const lastOf = shown.map((line) => line.held.map((s, e) => [s, e]).filter(([s]) => s).pop());
    const wanted = lastOf.map(([s]) => Math.min(Math.max(Y(s.mean), T), H - B)), got = spread(wanted, 17, T + 22, H - B - 2);
    shown.forEach((line, j) => {
      const x = W - R, y = got[j], room = R - 40 - width(scores[j]);
      let name = names[j];
      for (let most = name.length; most > 4 && width(name, true) > room; most--) name = shorten(line.label, most);
      svg.append(
        shape("path", { d: `M${X(at(line, lastOf[j][1])) + 2} ${wanted[j]}L${x + 11} ${y}H${x + 15}`, fill: "none", stroke: colour(line), "stroke-opacity": 0.7, "data-v": j }),
        shape("circle", { cx: x + 18, cy: y, r: 3.5, fill: colour(line), "data-v": j }),
        shape("text", { x: x + 27, y: y + 4, "font-weight": 600, "data-v": j }, name),
        shape("text", { x: W - 2, y: y + 4, "text-anchor": "end", class: "m", "data-v": j }, scores[j]));
    });
    svg.append(shape("text", { x: W - 2, y: Math.min(...got) - 14, "text-anchor": "end", class: "m" }, data.held));
  }
  const keys = study.keys(named ? [] : shown);
  if (keys.length) {
    const bottom = drawKeys(svg, keys, 8, W - 8, H + 14);
    svg.setAttribute("viewBox", `0 0 ${W} ${bottom}`);
    svg.setAttribute("height", bottom);
  }
  const cursor = shape("line", { y1: T, y2: H - B, stroke: "var(--axis)", visibility: "hidden", "data-tool": "" });
  const pane = shape("rect", { x: L, y: T, width: W - L - R, height: H - T - B, fill: "transparent", "data-part": "pane", "data-tool": "", tabindex: 0, role: "button",
    "aria-label": `Cursor in the curves of ${data.name}: left and right move it, up and down choose a line, Enter opens its run` });
  let where = data.epochs.length - 1, chosen = null;
  const nearest = (line, x) => data.epochs.reduce((best, epoch, e) => Math.abs(epoch * scaleOf(line) - x) < Math.abs(data.epochs[best] * scaleOf(line) - x) ? e : best, 0);
  function tell(x, clientX, clientY) {
    cursor.setAttribute("x1", X(x));
    cursor.setAttribute("x2", X(x));
    cursor.setAttribute("visibility", "visible");
    const rows = shown.map((line, i) => ({ line, i, e: nearest(line, x) })).filter(({ line, e }) => line.held[e] && Math.abs(at(line, e) - x) <= (x1 - x0) / 20 + 1e-9)
      .sort((a, b) => b.line.held[b.e].mean - a.line.held[a.e].mean);
    const first = Math.max(0, Math.min(rows.length - 16, rows.findIndex(({ i }) => i === chosen) - 8));
    const body = rows.slice(first, first + 16).map(({ line, i, e }) => {
      const held = line.held[e], train = line.train[e], dot = node("span", { class: "dot" });
      dot.style.background = colour(line);
      return node("tr", i === chosen ? { class: "chosen" } : {}, node("td", {}, dot), node("td", { class: "l" }, line.label),
        node("td", {}, estimate(held.mean, held.half)), ...(state.train && train ? [node("td", { class: "muted" }, `train ${number(train.mean, digits(held.mean, held.half))}`)] : []));
    });
    const more = rows.length > 16 ? [node("div", { class: "muted" }, `${rows.length - 16} more lines`)] : [];
    const unit = { step: `${data.step.toLowerCase()} ${number(x, 0)}`, updates: `${number(x, 0)} updates`, seconds: duration(x) }[state.x];
    showTip(clientX, clientY, node("b", {}, unit), node("table", {}, node("tbody", {}, ...body)), ...more);
  }
  const toX = (event) => {
    const box = svg.getBoundingClientRect();
    const x = x0 + (event.clientX - box.left - L) / (W - L - R) * (x1 - x0);
    return state.x === "step" ? data.epochs[nearest({ scale: { step: 1 } }, x)] : Math.min(x1, Math.max(x0, x));
  };
  const runAt = (line, e, y) => {
    const runs = line.members.flatMap((v) => data.variants[v].runs).filter((run) => run.held[e] != null);
    return runs.reduce((best, run) => best == null || Math.abs(Y(run.held[e]) - y) < Math.abs(Y(best.held[e]) - y) ? run : best, null);
  };
  pane.addEventListener("pointermove", (event) => { chosen = null; tell(toX(event), event.clientX, event.clientY); });
  pane.addEventListener("click", (event) => {
    const x = toX(event), y = event.clientY - svg.getBoundingClientRect().top;
    const near = shown.map((line) => [line, nearest(line, x)]).filter(([line, e]) => line.held[e])
      .sort(([a, d], [b, e]) => Math.abs(Y(a.held[d].mean) - y) - Math.abs(Y(b.held[e].mean) - y))[0];
    const run = near && runAt(...near, y);
    if (run) openRun(run.id, study);
  });
  const leave = () => { cursor.setAttribute("visibility", "hidden"); chosen = null; study.focus(null); hideTip(); };
  pane.addEventListener("pointerleave", leave);
  pane.addEventListener("blur", leave);
  const step = (by, line) => () => {
    where = Math.max(0, Math.min(data.epochs.length - 1, where + by));
    if (line) chosen = chosen == null ? 0 : (chosen + line + shown.length) % shown.length;
    const of = shown[chosen ?? 0], x = at(of, where), box = svg.getBoundingClientRect();
    study.focusLine(svg, chosen);
    tell(x, box.left + X(x), box.top + T + 20);
  };
  onKeys(pane, { ArrowLeft: step(-1), ArrowRight: step(1), ArrowUp: step(0, -1), ArrowDown: step(0, 1), Home: step(-data.epochs.length), End: step(data.epochs.length),
    Enter: () => { const line = shown[chosen ?? 0], s = line.held[where], run = runAt(line, where, s ? Y(s.mean) : 0) ?? data.variants[line.members[0]].runs[0]; if (run) openRun(run.id, study); } });
  svg.append(cursor, pane);
  holder.replaceChildren(svg);
  const xHead = { step: data.step.toLowerCase(), updates: "updates", seconds: "seconds" }[state.x];
  // Exactly what is shown, without digits that the thinned curves do not have.
  // Values have five digits: a mean of them has one more, and half an interval the decimals of five.
  const kept = (x) => +x.toPrecision(6);
  const half = (s) => s.half == null ? "" : +s.half.toFixed(Math.min(12, Math.max(0, 4 - Math.floor(Math.log10(Math.abs(s.mean) || 1)))));
  study.curveRows = () => {
    const rows = [["line", "seed", xHead, data.curve, ...(state.band ? ["half_width"] : []), "seeds", ...(state.train ? ["train"] : [])]];
    for (const line of shown) {
      line.held.forEach((s, e) => s && rows.push([line.label, "", kept(at(line, e)), kept(s.mean), ...(state.band ? [half(s)] : []), s.n, ...(state.train ? [line.train[e] ? kept(line.train[e].mean) : ""] : [])]));
      for (const run of singles(line)) run.held.forEach((y, e) => y != null &&
        rows.push([study.label(run), study.seed(run), kept(at(line, e)), y, ...(state.band ? [""] : []), "", ...(state.train ? [""] : [])]));
    }
    return rows;
  };
}
