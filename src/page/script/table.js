
// Sorting by the keys of a column; a missing number comes last, whichever way.
function wireSorting(table) {
  const body = table.tBodies[0];
  table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
    const th = button.closest("th"), column = [...th.parentNode.children].indexOf(th);
    const down = th.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
    const key = (row) => row.children[column].dataset.k ?? "";
    const numeric = [...body.rows].every((row) => key(row) === "" || !Number.isNaN(+key(row)));
    const order = (x, y) => x === "" || y === "" ? (x === "") - (y === "") : down * (numeric ? x - y : x.localeCompare(y));
    body.append(...[...body.rows].sort((x, y) => order(key(x), key(y))));
  }));
}

// Means over the variants of each group, next to the chart that shows them.
function drawGroups(study) {
  const holder = study.find("grouped"), { data, state } = study;
  if (!holder) return;
  holder.hidden = !state.group;
  if (!state.group) return;
  const lines = study.lines(), axis = data.axes.findIndex((a) => a.name === state.group);
  const balanced = isBalanced(data, axis, lines.map((line) => line.members));
  const note = `Means over all variants shown that share a level of ${state.group}, taken within each seed; intervals over the seeds that have all of them. `
    + (balanced ? "The levels of the other axes are the same in every row." : "The rows differ in the levels of other axes, too: a difference between them is not the effect of this axis alone.");
  const head = node("tr", {}, ...[state.group, "variants", "seeds", data.family].map((name, i) => node("th", { scope: "col", ...(i ? {} : { class: "l" }) }, name)));
  const rows = lines.map((line) => node("tr", {}, node("td", { class: "l" }, line.label), node("td", {}, String(line.members.length)), node("td", {}, String(line.score?.n ?? 0)),
    node("td", {}, line.score ? estimate(line.score.mean, line.score.half) : "")));
  const means = node("table", {}, node("thead", {}, head), node("tbody", {}, ...rows));
  holder.replaceChildren(node("p", { class: "muted" }, note), node("div", { class: "wrap", tabindex: 0, role: "group", "aria-label": "Means of the groups" }, means));
}

// Settings of two variants that are not the same.
function wireTwo(study) {
  const sides = ["left", "right"].map(study.find);
  if (!sides[0]) return;
  const compare = () => {
    const [a, b] = sides.map((side) => study.data.variants[+side.value].config);
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().filter((k) => a[k] !== b[k]);
    const cell = (text) => node("td", { class: "l" }, node("code", {}, text ?? "\u2013"));
    const rows = keys.map((k) => node("tr", {}, node("td", {}, node("code", {}, k)), cell(a[k]), cell(b[k])));
    study.find("differences").replaceChildren(...(rows.length ? rows : [node("tr", {}, node("td", { colspan: 3 }, "The same settings."))]));
  };
  sides.forEach((side) => side.addEventListener("change", compare));
  compare();
}
