// The snake diagram. The layout comes with the protein, in hundredths of a bead unit, y down.

const UNIT = 16, BEAD = 0.46, LIPID_STEP = 1.15;
const DASHES = { fold: "1 5", cut: "5 5" };

function pairs(flat) {
  const points = [];
  for (let k = 0; k < flat.length; k += 2) points.push([(flat[k] / 100) * UNIT, (flat[k + 1] / 100) * UNIT]);
  return points;
}

const spots = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

// Heads and tails of two leaflets, each one path.
function lipids(membrane, left, right) {
  const [top, bottom] = membrane.map((value) => (value / 100) * UNIT), radius = 0.42 * UNIT;
  const number = Math.max(1, Math.floor((right - left) / (LIPID_STEP * UNIT)));
  let heads = "", tails = "";
  for (let k = 0; k < number; k++) {
    const x = left + ((right - left) * (k + 0.5)) / number;
    for (const [y, way] of [[top, 1], [bottom, -1]]) {
      heads += `M${(x - radius).toFixed(1)} ${y.toFixed(1)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;
      for (const offset of [-0.2, 0.2]) tails += `M${(x + offset * UNIT).toFixed(1)} ${(y + way * radius).toFixed(1)}V${(-way * 0.35 * UNIT).toFixed(1)}`;
    }
  }
  const group = node("g", { class: "membrane" });
  group.append(node("path", { d: tails, stroke: "#c9bd97", "stroke-opacity": 0.6, "stroke-width": 1.1, fill: "none" }));
  group.append(node("path", { d: heads, fill: "#c9bd97" }));
  return group;
}

// Where each residue is: its bead, or for a folded residue the middle of the fold.
function placesOf(diagram, length) {
  const places = Array(length).fill(null);
  diagram.runs.forEach(([first, flat], k) => {
    pairs(flat).forEach((point, n) => { places[first - 1 + n] = point; });
    const next = diagram.runs[k + 1], end = first - 1 + flat.length / 2;
    if (!next || next[0] - 1 === end) return;
    const fold = pairs(diagram.links[k][1]), middle = fold[Math.floor(fold.length / 2)];
    for (let n = end; n < next[0] - 1; n++) places[n] = middle;
  });
  return places;
}

function drawSnake(protein) {
  const diagram = protein.diagram, [left, top, right, bottom] = diagram.box.map((value) => (value / 100) * UNIT);
  const width = right - left, height = bottom - top;
  const svg = node("svg", {
    width, height, viewBox: `${left.toFixed(1)} ${top.toFixed(1)} ${width.toFixed(1)} ${height.toFixed(1)}`, role: "img",
    "font-family": "system-ui, sans-serif", "text-anchor": "middle", "aria-label": `Snake diagram of ${protein.id}: ${spell(protein)}`,
  });
  if (diagram.membrane) svg.append(lipids(diagram.membrane, left, right));
  for (const [label, flat] of diagram.bodies) {
    const points = spots(pairs(flat)), shape = { points, "stroke-width": 0.8 * UNIT, "stroke-linejoin": "round" };
    svg.append(node("polygon", { ...shape, class: "paper", fill: "#ffffff", stroke: "#ffffff" }));
    const tint = node("g", { opacity: 0.25 });
    tint.append(node("polygon", { ...shape, fill: COLORS[label], stroke: COLORS[label] }));
    svg.append(tint);
  }
  const thread = { class: "thread", fill: "none", stroke: "#59636e", "stroke-width": 3, "stroke-linecap": "round" };
  for (const [, flat] of diagram.runs) svg.append(node("polyline", { ...thread, points: spots(pairs(flat)) }));
  for (const [kind, flat] of diagram.links) {
    svg.append(node("polyline", { ...thread, points: spots(pairs(flat)), ...(DASHES[kind] ? { "stroke-dasharray": DASHES[kind] } : {}) }));
  }
  drawBeads(svg, protein);
  for (const [words, x, y, kind, anchor] of diagram.texts) {
    svg.append(node("text", {
      x: ((x / 100) * UNIT).toFixed(1), y: ((y / 100 + 0.35 * SIZES[kind]) * UNIT).toFixed(1), "text-anchor": anchor,
      "font-size": (SIZES[kind] * UNIT).toFixed(1), fill: "currentColor", "fill-opacity": kind === "number" || kind === "side" ? 0.75 : 1,
      "font-weight": kind === "end" ? 700 : 400,
    }, words));
  }
  svg.append(node("circle", { class: "pointer", r: 0.62 * UNIT, cx: -1e4, cy: 0, fill: "none", stroke: "currentColor", "stroke-width": 2.5 }));
  return svg;
}

function drawBeads(svg, protein) {
  const labels = parseTopology(protein.topology).flatMap((s) => Array(s.end - s.start).fill(s.label));
  const beads = node("g", { "font-size": 10.5, "font-weight": 700 });
  for (const [first, flat] of protein.diagram.runs) {
    pairs(flat).forEach(([x, y], n) => {
      const k = first - 1 + n, group = node("g", { "data-at": k });
      group.append(node("title", {}, `${protein.sequence[k]}${k + 1} ${NAMES[labels[k]]}`));
      group.append(node("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: BEAD * UNIT, fill: COLORS[labels[k]] }));
      group.append(node("text", { x: x.toFixed(1), y: (y + 3.7).toFixed(1), fill: INKS[labels[k]] }, protein.sequence[k]));
      beads.append(group);
    });
  }
  svg.append(beads);
}

// Where the first membrane segment begins: a phone is narrower than a long tail before it.
function firstColumn(diagram) {
  const column = diagram.bodies.find(([label]) => {{column}});
  if (!column) return 0;
  return Math.min(...pairs(column[1]).map(([x]) => x)) - (diagram.box[0] / 100) * UNIT;
}

function showSnake(protein) {
  const box = $("snake");
  for (const id of ["snake-out", "snake-full", "snake-in", "snake-fit", "snake-svg", "snake-png"]) $(id).disabled = !protein.diagram;
  if (!protein.diagram) {
    box.replaceChildren("This page holds the diagrams of its first proteins only, and of fewer soluble ones.");
    return;
  }
  const svg = drawSnake(protein), ring = svg.querySelector(".pointer");
  const places = placesOf(protein.diagram, protein.sequence.length);
  const { width, height } = svg.viewBox.baseVal;
  let scale = 1;
  const resize = (to) => {
    const before = (box.scrollLeft + box.clientWidth / 2) / scale;
    scale = Math.max(0.1, Math.min(4, to));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    box.scrollLeft = before * scale - box.clientWidth / 2;
  };
  box.replaceChildren(svg);
  box.scrollTop = 0;
  box.scrollLeft = box.clientWidth < 600 ? firstColumn(protein.diagram) - 90 : 0;
  const fit = () => resize(Math.min(1, (box.clientWidth - 2) / width));
  const actions = { in: () => resize(scale * 1.25), out: () => resize(scale / 1.25), full: () => resize(1), fit };
  for (const [name, action] of Object.entries(actions)) $(`snake-${name}`).onclick = action;
  focusKeys(box, { "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.full });
  const residueOf = (event) => {
    const bead = event.target.closest("[data-at]");
    return bead ? Number(bead.dataset.at) : null;
  };
  svg.onpointerover = focusOn(residueOf, false);
  svg.onclick = focusOn(residueOf, true);
  dragToScroll(box);
  Focus.listen((at, reveal) => {
    if (!places[at]) return;
    ring.setAttribute("cx", places[at][0].toFixed(1));
    ring.setAttribute("cy", places[at][1].toFixed(1));
    if (reveal) scrollInside(box, ring);
  });
}

// Drag with a mouse to scroll; fingers scroll by themselves.
function dragToScroll(box) {
  let drag = null;
  box.onpointerdown = (event) => {
    if (event.pointerType === "mouse") drag = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop };
  };
  box.onpointerup = box.onpointerleave = () => { drag = null; };
  box.onpointermove = (event) => {
    if (!drag || !event.buttons) return;
    box.scrollLeft = drag.x - event.clientX;
    box.scrollTop = drag.y - event.clientY;
  };
}
