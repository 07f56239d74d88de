
// Mean and half-width over the seeds that have a value; `t` holds Student's factor by number of values.
function summary(values, t) {
  const present = values.filter((v) => v != null), n = present.length;
  if (!n) return null;
  const mean = present.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, half: null, n };
  const variance = present.reduce((a, v) => a + (v - mean) ** 2, 0) / (n - 1);
  return { mean, half: t[n] * Math.sqrt(variance / n), n };
}
const average = (values) => values.length && values.every((v) => v != null) ? values.reduce((a, b) => a + b, 0) / values.length : null;

// A line of the chart: variants that are averaged within each seed, then over the seeds that have all of them, as in
// the tables of effects. A mean over fewer seeds than before would jump: the line ends with the shortest run.
function lineOf(data, label, members) {
  const seeds = data.seeds.map((_, s) => s).filter((s) => members.every((v) => data.variants[v].runs[s]?.status === "finished"));
  const runs = (s) => members.map((v) => data.variants[v].runs[s]);
  const curve = (key) => data.epochs.map((_, e) => summary(seeds.map((s) => average(runs(s).map((r) => r[key][e]))), data.t))
    .map((s) => s && s.n === seeds.length ? s : null);
  const score = summary(data.seeds.map((_, s) => average(runs(s).map((r) => r?.score))), data.t);
  const pace = (run) => run.seconds != null && run.last ? run.seconds / run.last : null;
  const scale = {
    step: 1,
    updates: average(members.map((v) => data.variants[v].updates)),
    seconds: average(members.map((v) => average(data.variants[v].runs.map(pace).filter((p) => p != null)))),
  };
  return { label, members, held: curve("held"), train: curve("train"), score, scale };
}
// The members of every group have the same levels of the other axes, or a mean compares more than the axis.
function isBalanced(data, axis, groups) {
  const others = (v) => JSON.stringify(data.variants[v].levels.filter((_, a) => a !== axis));
  return new Set(groups.map((members) => members.map(others).sort().join())).size < 2;
}
// A level that names its axis already is not named twice.
const levelName = (axis, level) => level.includes(axis) ? level : `${axis} ${level}`;
