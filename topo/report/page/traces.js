// Segments and probabilities along the chain, of the whole chain or a part of it.

const TRACE_FROM = 2; // per cent; a label that stays below it gets no trace
const FRAME = { left: 38, right: 10, top: 6, overview: 10, bar: 26, gap: 8, height: 160, bottom: 34 };
const LEAST_SHOWN = 20;

class Traces {
  constructor(protein) {
    this.protein = protein;
    this.length = protein.sequence.length;
    this.segments = parseTopology(protein.topology);
    this.from = 0;
    this.to = Math.max(1, this.length);
    this.box = $("traces");
    this.width = 0;
    this.draw();
  }

  show(from, to) {
    const size = Math.max(Math.min(LEAST_SHOWN, this.length), Math.min(this.length, Math.round(to - from)));
    this.from = Math.max(0, Math.min(this.length - size, Math.round(from)));
    this.to = this.from + Math.max(1, size);
    this.draw();
  }

  zoom(factor, centre = Focus.at + 0.5) {
    const inside = centre >= this.from && centre <= this.to;
    const at = inside ? centre : (this.from + this.to) / 2;
    this.show(at - (at - this.from) * factor, at - (at - this.from) * factor + (this.to - this.from) * factor);
  }

  pan(share) {
    const step = share * (this.to - this.from);
    this.show(this.from + step, this.to + step);
  }

  reveal(at) {
    if (at >= this.from && at < this.to) return;
    const half = (this.to - this.from) / 2;
    this.show(at - half, at + half);
  }

  inner() { return this.width - FRAME.left - FRAME.right; }
  x(k) { return FRAME.left + ((k + 0.5 - this.from) / (this.to - this.from)) * this.inner(); }
  residueAt(clientX) {
    const svg = this.box.querySelector("svg"), box = svg.getBoundingClientRect();
    const share = (((clientX - box.left) / box.width) * this.width - FRAME.left) / this.inner();
    return Math.floor(this.from + share * (this.to - this.from));
  }

  draw() {
    this.width = Math.max(300, this.box.clientWidth);
    const { left, top, bar: thick } = FRAME, inner = this.inner();
    const whole = this.from === 0 && this.to >= this.length;
    const strip = top + (whole ? 0 : FRAME.overview + 6), plot = strip + thick + FRAME.gap;
    const height = this.protein.probabilities ? FRAME.height : 0, total = plot + height + FRAME.bottom;
    const svg = node("svg", {
      width: this.width, height: total, viewBox: `0 0 ${this.width} ${total}`, role: "img",
      "font-family": "system-ui, sans-serif", "font-size": 11, "aria-label": `Topology of ${this.protein.id}: ${spell(this.protein)}`,
    });
    if (!whole) svg.append(this.overview(left, top, inner));
    bar(svg, this.segments, left, strip, inner, thick, this.from, this.to);
    this.drawPlot(svg, plot, height);
    for (const tick of ticks(this.from, this.to, this.width)) {
      svg.append(node("text", { x: this.x(tick - 1), y: plot + height + 14, "text-anchor": "middle", fill: "currentColor" }, tick));
    }
    svg.append(node("text", { x: left + inner / 2, y: plot + height + 29, "text-anchor": "middle", fill: "currentColor" }, "residue"));
    svg.append(node("line", { class: "pointer", y1: strip, y2: plot + height, stroke: "currentColor" }));
    this.box.replaceChildren(svg);
    this.point(Focus.at);
    $("traces-range").textContent = whole ? "" : `${this.from + 1} to ${this.to} of ${this.length.toLocaleString("en")}`;
    $("traces-all").disabled = whole;
  }

  overview(left, top, inner) {
    const group = node("g", { class: "overview" }), scale = inner / this.length;
    bar(group, this.segments, left, top, inner, FRAME.overview, 0, this.length);
    group.append(node("rect", {
      x: left + this.from * scale, width: Math.max(2, (this.to - this.from) * scale), y: top - 2, height: FRAME.overview + 4,
      fill: "currentColor", "fill-opacity": 0.15, stroke: "currentColor", "stroke-width": 1.2,
    }));
    return group;
  }

  drawPlot(svg, plot, height) {
    if (!height) return;
    const inner = this.inner(), y = (share) => plot + height * (1 - share / 100);
    for (const share of [0, 50, 100]) {
      svg.append(node("line", { x1: FRAME.left, x2: FRAME.left + inner, y1: y(share), y2: y(share), stroke: "currentColor", "stroke-opacity": 0.15 }));
      svg.append(node("text", { x: FRAME.left - 6, y: y(share) + 4, "text-anchor": "end", fill: "currentColor" }, share / 100));
    }
    for (const [label, trace] of Object.entries(this.protein.probabilities)) {
      if (!trace.some((value) => value >= TRACE_FROM)) continue;
      const part = trace.slice(this.from, this.to);
      const points = part.map((value, k) => `${this.x(this.from + k).toFixed(1)},${y(value).toFixed(1)}`);
      if (points.length === 1) points.unshift(`${FRAME.left},${y(part[0])}`), points.push(`${FRAME.left + inner},${y(part[0])}`);
      svg.append(node("polyline", { points: points.join(" "), fill: "none", stroke: COLORS[label], "stroke-width": 1.6 }));
    }
  }

  point(at) {
    const line = this.box.querySelector(".pointer"), shown = at >= this.from && at < this.to;
    line.setAttribute("x1", shown ? this.x(at) : -9);
    line.setAttribute("x2", shown ? this.x(at) : -9);
  }
}

function spell(protein) {
  const words = protein.segments.map((s) => `${NAMES[s.label]} ${s.first} to ${s.last}`);
  return words.slice(0, 40).join(", ") + (words.length > 40 ? " and so on" : "");
}

function ticks(from, to, width) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const step = steps.find((s) => (to - from) / s <= width / 70) || 20000;
  const values = to - from > 1 ? [] : [to];
  for (let k = (Math.floor(from / step) + 1) * step; k <= to && values.length < 40; k += step) values.push(k);
  return values;
}

function showTraces(protein) {
  const box = $("traces"), traces = new Traces(protein);
  const actions = { in: () => traces.zoom(0.5), out: () => traces.zoom(2), all: () => traces.show(0, traces.length), left: () => traces.pan(-0.5), right: () => traces.pan(0.5) };
  for (const [name, action] of Object.entries(actions)) $(`traces-${name}`).onclick = action;
  focusKeys(box, {
    "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.all, ShiftArrowLeft: actions.left, ShiftArrowRight: actions.right,
  });
  let drag = null;
  box.onpointerdown = (event) => {
    drag = { x: event.clientX, from: traces.from, to: traces.to };
  };
  box.onpointerup = box.onpointerleave = () => { drag = null; };
  const residueAt = (event) => traces.residueAt(event.clientX);
  const hover = focusOn(residueAt, false);
  box.onpointermove = (event) => {
    if (drag && event.buttons && traces.to - traces.from < traces.length) {
      const moved = ((drag.x - event.clientX) / traces.inner()) * (drag.to - drag.from);
      traces.show(drag.from + moved, drag.to + moved);
    } else {
      hover(event);
    }
  };
  box.onclick = focusOn(residueAt, true);
  box.onwheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return;  // the wheel alone scrolls the page
    event.preventDefault();
    traces.zoom(event.deltaY > 0 ? 1.25 : 0.8, traces.residueAt(event.clientX) + 0.5);
  };
  Focus.listen((at, reveal) => {
    if (reveal) traces.reveal(at);
    traces.point(at);
  });
  const traced = (label) => protein.probabilities && (protein.probabilities[label] || []).some((value) => value >= TRACE_FROM);
  const labels = [...LABELS, "-"].filter((label) => traced(label) || protein.topology.includes(label));
  $("legend").replaceChildren(...labels.map((label) => {
    const item = tag("li");
    item.append(tag("i", { "data-label": label }), NAMES[label]);
    return item;
  }));
  return traces;
}
