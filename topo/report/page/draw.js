// Drawings as SVG. The snake diagram's layout is that of topo/report/snake.py: bead units, y up.

const COLORS = {{colors}};
const NAMES = {{names}};
const INK = { "M": "#fff", "B": "#fff", "P": "#fff" };
const TRACE_FROM = 2; // per cent; a label that stays below it gets no trace
const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function bar(svg, segments, left, top, width, height, length) {
  for (const s of segments) {
    const tall = s.label === "M" || s.label === "B" ? 1 : s.label === "S" ? 0.7 : 0.4;
    svg.append(node("rect", {
      x: left + (s.start / length) * width, width: Math.max(0.4, ((s.end - s.start) / length) * width),
      y: top + (height * (1 - tall)) / 2, height: height * tall, fill: COLORS[s.label],
    }));
  }
}

function miniature(protein) {
  const svg = node("svg", { class: "mini", viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" });
  bar(svg, protein.segments, 0, 1, 100, 14, protein.length || 1);
  return svg;
}

function spell(protein) {
  const words = protein.segments.map((s) => `${NAMES[s.label]} ${s.start + 1} to ${s.end}`);
  return words.slice(0, 40).join(", ") + (words.length > 40 ? " and so on" : "");
}

const FRAME = { left: 38, right: 8, top: 8, bar: 26, gap: 10, height: 170, bottom: 34 };

function drawTraces(protein, traces, width) {
  const n = Math.max(1, protein.length), { left, top } = FRAME;
  const inner = width - left - FRAME.right, plot = top + FRAME.bar + FRAME.gap;
  const height = traces ? FRAME.height : 0;
  const svg = node("svg", {
    viewBox: `0 0 ${width} ${plot + height + FRAME.bottom}`, role: "img",
    "font-family": "system-ui, sans-serif", "font-size": 11,
    "aria-label": `Topology of ${protein.id}: ${spell(protein)}`,
  });
  bar(svg, protein.segments, left, top, inner, FRAME.bar, n);
  const x = (k) => left + ((k + 0.5) / n) * inner;
  const y = (percent) => plot + height * (1 - percent / 100);
  for (const percent of traces ? [0, 50, 100] : []) {
    svg.append(node("line", { x1: left, x2: left + inner, y1: y(percent), y2: y(percent), stroke: "currentColor", "stroke-opacity": 0.15 }));
    svg.append(node("text", { x: left - 6, y: y(percent) + 4, "text-anchor": "end", fill: "currentColor" }, percent / 100));
  }
  (traces || []).forEach((trace, label) => {
    if (!trace.some((value) => value >= TRACE_FROM)) return;
    const points = Array.from(trace, (value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`);
    if (points.length === 1) points.push(`${left + inner},${y(trace[0])}`);
    svg.append(node("polyline", { points: points.join(" "), fill: "none", stroke: COLORS[LABELS[label]], "stroke-width": 1.5 }));
  });
  for (const tick of ticks(n, width)) {
    svg.append(node("text", { x: x(tick - 1), y: plot + height + 15, "text-anchor": x(tick - 1) > width - 24 ? "end" : "middle", fill: "currentColor" }, tick));
  }
  svg.append(node("text", { x: left + inner / 2, y: plot + height + 30, "text-anchor": "middle", fill: "currentColor" }, "residue"));
  svg.append(node("line", { class: "pointer", x1: -9, x2: -9, y1: top, y2: plot + height, stroke: "currentColor" }));
  return svg;
}

function ticks(n, width) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const step = steps.find((s) => n / s <= width / 70) || 20000;
  const values = n > 1 ? [] : [1];
  for (let k = step; k <= n; k += step) values.push(k);
  return values;
}

const HALF = 3.6, STEM = 4, LONG_STEM = 9, IN_LOOP = 30, IN_TAIL = 18, PITCH = 6, STRAND_PITCH = 4;

function snakeLayout(protein) {
  const snake = { beads: [], paths: [], notes: [], width: 0 };
  const segments = protein.segments;
  const columns = segments.map((s, k) => k).filter((k) => "MBS".includes(segments[k].label));
  if (!columns.length) return alone(snake, segments, protein.length);
  let x = 4, cursor = null, from = 0;
  for (const k of columns) {
    const s = segments[k], half = (s.label === "B" ? STRAND_PITCH : PITCH) / 2;
    const [enters, leaves] = sides(segments, k);
    x += half;
    const start = [x, enters ? HALF : -HALF], before = segments.slice(from, k);
    if (cursor) loop(snake, before, cursor, start); else tail(snake, before, start, -1, "N");
    column(snake, s, x, enters);
    cursor = [x, leaves ? HALF : -HALF];
    from = k + 1;
    x += half;
  }
  snake.width = x + 2;
  tail(snake, segments.slice(from), cursor, 1, "C");
  return snake;
}

// Whether the chain enters and leaves the segment at the outside.
function sides(segments, k) {
  const side = (s) => (s && "IOP".includes(s.label) ? s.label === "O" : null);
  let before = side(segments[k - 1]), after = side(segments[k + 1]);
  if (segments[k].label === "S") { after = after ?? true; return [!after, after]; }
  if (before === null && after === null) {
    before = Boolean(segments[k - 1]) && segments[k - 1].label === "S" && segments[k].label === "M";
  }
  before = before ?? !after;
  return [before, after ?? !before];
}

function column(snake, s, x, enters) {
  const begin = enters ? HALF : -HALF, finish = -begin, per = s.label === "B" ? 1 : 4;
  const rows = Math.ceil((s.end - s.start) / per);
  for (let k = 0; k < s.end - s.start; k++) {
    const row = Math.floor(k / per), place = k % per;
    const y = begin + ((finish - begin) * (row + 0.5 + 0.2 * (place / per - 0.4))) / rows;
    snake.beads.push([s.start + k, x + (per === 1 ? (row % 2 ? -0.45 : 0.45) : 0.95 * (place - 1.5)), y]);
  }
  if (s.label === "S") snake.notes.push([`cleaved after ${s.end}`, x - 3.6, finish + 0.9 * Math.sign(finish)]);
}

const residues = (stretch) => stretch.reduce((sum, s) => sum + s.end - s.start, 0);

function loop(snake, stretch, start, end) {
  const up = Math.sign(start[1]), radius = (end[0] - start[0]) / 2, n = residues(stretch);
  const stem = n <= IN_LOOP ? Math.max(0.4, (n + 1 - Math.PI * radius) / 2) : LONG_STEM;
  const y = start[1] + stem * up, path = [start];
  for (let t = 0; t <= 16; t++) {
    const a = (Math.PI * t) / 16;
    path.push([start[0] + radius * (1 - Math.cos(a)), y + up * radius * Math.sin(a)]);
  }
  path.push(end);
  along(snake, stretch, path, n <= IN_LOOP, [start[0] + radius, y + up * (radius + 1)]);
}

function tail(snake, stretch, at, way, name) {
  const n = residues(stretch), up = Math.sign(at[1]);
  const reach = Math.max(0, Math.min(n, IN_TAIL) - STEM), stem = Math.min(STEM, n + 0.5);
  const corner = [at[0], at[1] + up * stem], tip = [corner[0] + way * reach, corner[1]];
  const path = reach ? [at, corner, tip] : [at, corner];
  along(snake, stretch, way > 0 ? path : path.reverse(), n <= IN_TAIL, [(corner[0] + tip[0]) / 2, corner[1] + up * 1.1]);
  snake.notes.push([name, tip[0] + way * 1.1, tip[1] + (reach ? 0 : up * 0.9)]);
}

function alone(snake, stretch, n) {
  const up = stretch.length && stretch[0].label === "O" ? 1 : -1, y = up * (HALF + 4);
  const beads = n <= 2 * IN_LOOP, reach = beads ? n + 1 : IN_LOOP;
  snake.width = reach + 6;
  along(snake, stretch, [[3, y], [3 + reach, y]], beads, [3 + reach / 2, y + up * 1.2]);
  snake.notes.push(["N", 1.8, y], ["C", reach + 4.2, y]);
  return snake;
}

function along(snake, stretch, path, beads, labelAt) {
  const n = residues(stretch);
  snake.paths.push([stretch.length ? stretch[0].label : "-", path]);
  if (!beads) { snake.notes.push([`${n} residues`, ...labelAt]); return; }
  const lengths = path.slice(1).map((p, k) => Math.hypot(p[0] - path[k][0], p[1] - path[k][1]));
  const step = lengths.reduce((a, b) => a + b, 0) / (n + 1);
  let index = 0, done = 0;
  for (let k = 1; k <= n; k++) {
    while (index < lengths.length - 1 && done + lengths[index] < k * step) done += lengths[index++];
    const share = lengths[index] ? (k * step - done) / lengths[index] : 0;
    const [x0, y0] = path[index], [x1, y1] = path[index + 1];
    snake.beads.push([stretch[0].start + k - 1, x0 + (x1 - x0) * share, y0 + (y1 - y0) * share]);
  }
}

function drawSnake(protein, sequence) {
  const snake = snakeLayout(protein), unit = 14;
  const xs = [0, snake.width], ys = [-HALF - 1.5, HALF + 1.5];
  const points = [...snake.beads, ...snake.notes].map(([, x, y]) => [x, y]).concat(...snake.paths.map(([, path]) => path));
  for (const [x, y] of points) { xs.push(x); ys.push(y); }
  const left = xs.reduce((a, b) => Math.min(a, b)) - 4, right = xs.reduce((a, b) => Math.max(a, b)) + 2;
  const low = ys.reduce((a, b) => Math.min(a, b)) - 1.5, high = ys.reduce((a, b) => Math.max(a, b)) + 1.5;
  const x = (v) => ((v - left) * unit).toFixed(1), y = (v) => ((high - v) * unit).toFixed(1);
  const width = (right - left) * unit, height = (high - low) * unit;
  const svg = node("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "font-family": "system-ui, sans-serif",
    "text-anchor": "middle", "aria-label": `Snake diagram of ${protein.id}: ${spell(protein)}`,
  });
  svg.style.width = `clamp(${(0.62 * width).toFixed(0)}px, 100%, ${width.toFixed(0)}px)`;
  svg.style.height = "auto"; // not as an attribute, which a strict content-security policy forbids
  const inner = protein.type === "BETA" ? "periplasm" : "inside";
  svg.append(node("rect", { x: 0, width, y: y(HALF), height: 2 * HALF * unit, class: "membrane", fill: "#b8a878", "fill-opacity": 0.28 }));
  svg.append(node("text", { x: 6, y: y(HALF - 1), "text-anchor": "start", "font-size": 11, fill: "currentColor" }, "outside"));
  svg.append(node("text", { x: 6, y: y(-HALF + 0.4), "text-anchor": "start", "font-size": 11, fill: "currentColor" }, inner));
  for (const [label, path] of snake.paths) {
    svg.append(node("polyline", { points: path.map(([a, b]) => `${x(a)},${y(b)}`).join(" "), fill: "none", stroke: COLORS[label], "stroke-width": 2.5 }));
  }
  const labels = protein.segments.map((s) => s.label.repeat(s.end - s.start)).join("");
  for (const [k, a, b] of snake.beads) {
    const group = node("g");
    group.append(node("title", {}, `${sequence[k]}${k + 1} ${NAMES[labels[k]]}`));
    group.append(node("circle", { cx: x(a), cy: y(b), r: unit * 0.47, fill: COLORS[labels[k]] }));
    group.append(node("text", { x: x(a), y: (Number(y(b)) + 3).toFixed(1), "font-size": 8.5, fill: INK[labels[k]] || "#111" }, sequence[k]));
    svg.append(group);
  }
  for (const [text, a, b] of snake.notes) {
    svg.append(node("text", { x: x(a), y: (Number(y(b)) + 4).toFixed(1), "font-size": 12, fill: "currentColor", "font-weight": text.length === 1 ? 700 : 400 }, text));
  }
  return svg;
}
