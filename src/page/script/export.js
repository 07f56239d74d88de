
// A colour as every program reads it: style sheets also know `color(srgb ...)`.
function plainColour(text) {
  const parts = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/.exec(text);
  if (!parts) return text;
  const [r, g, b] = parts.slice(1, 4).map((c) => Math.round(255 * +c));
  return parts[4] == null ? `rgb(${r}, ${g}, ${b})` : `rgba(${r}, ${g}, ${b}, ${parts[4]})`;
}

// A drawing as a file of its own: what style sheets say about it is written into it.
function svgText(svg) {
  const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, i) => {
    const style = getComputedStyle(element), own = to[i];
    for (const name of ["class", "style", "tabindex", "role"]) own.removeAttribute(name);
    if (!["svg", "g", "clipPath"].includes(element.tagName)) {
      own.setAttribute("fill", plainColour(style.fill));
      if (style.stroke !== "none") own.setAttribute("stroke", plainColour(style.stroke));
      if (style.opacity !== "1") own.setAttribute("opacity", style.opacity);
    }
    if (element.tagName === "text") {
      own.setAttribute("font-size", style.fontSize);
      own.setAttribute("font-weight", style.fontWeight);
      if (style.paintOrder.startsWith("stroke")) for (const name of ["paint-order", "stroke-width", "stroke-linejoin"]) own.setAttribute(name, style.getPropertyValue(name));
    }
  });
  copy.querySelectorAll("[data-tool]").forEach((element) => element.remove());
  copy.setAttribute("xmlns", NS);
  copy.setAttribute("font-family", getComputedStyle(document.body).fontFamily);
  const [, , w, h] = copy.getAttribute("viewBox").split(" ");
  copy.prepend(shape("rect", { width: w, height: h, fill: plainColour(getComputedStyle(document.body).backgroundColor) }));
  return new XMLSerializer().serializeToString(copy);
}

// Spreadsheets take some texts for formulas: those get an apostrophe, as in the tables.
function csvText(rows) {
  const cell = (value) => {
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

function save(name, type, text) {
  const link = node("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function wireExports(study) {
  study.root.querySelectorAll("[data-export]").forEach((button) => button.addEventListener("click", () => {
    const chart = button.dataset.export, name = `${study.data.id.replaceAll("/", "-")}-${chart}`;
    const svg = study.find(chart)?.querySelector("svg[role=group]");
    if (!svg) return;
    if (button.dataset.kind === "svg") save(`${name}.svg`, "image/svg+xml", svgText(svg));
    else save(`${name}.csv`, "text/csv", csvText(study[chart === "curves" ? "curveRows" : "parallelRows"]()));
  }));
}
