
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
const tickText = (t) => Math.abs(t) >= 1e6 || (t && Math.abs(t) < 1e-4) ? t.toExponential().replace("-", "\u2212") : number(t, Math.max(0, (String(t).split(".")[1] ?? "").length));

// Keys of colours below a chart, in rows: part of the drawing, so that a saved one has them. Returns the next free y.
function drawKeys(svg, keys, left, right, y) {
  let x = left;
  for (const { colour, text } of keys) {
    const name = shorten(text, Math.max(8, Math.floor((right - left) / 8))), wide = width(name) + 32;
    if (x > left && x + wide > right) { x = left; y += 18; }
    svg.append(shape("circle", { cx: x + 5, cy: y - 4, r: 5, fill: colour }), shape("text", { x: x + 15, y }, name));
    x += wide;
  }
  return y + 10;
}

// Arrow keys, and Enter, on a part of a chart that takes the focus.
function onKeys(element, moves) {
  element.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  });
}
