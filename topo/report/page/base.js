// What all parts of a page share: elements, the topology text, and the residue in focus.

const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

function node(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map(String));
  return element;
}

function tag(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// "S18O42M21" -> [{label, start, end}], 0-based and half-open.
function parseTopology(text) {
  const segments = [];
  let start = 0;
  for (const [, label, length] of text.matchAll(/([{{letters}}])(\d+)/g)) {
    segments.push({ label, start, end: start + Number(length) });
    start += Number(length);
  }
  return segments;
}

function bar(svg, segments, left, top, width, height, from, to) {
  const scale = width / (to - from);
  for (const s of segments) {
    const first = Math.max(s.start, from), last = Math.min(s.end, to);
    if (first >= last) continue;
    const tall = {{crosses}} ? 1 : {{enters}} ? 0.7 : 0.4;
    svg.append(node("rect", {
      x: left + (first - from) * scale, width: Math.max(0.4, (last - first) * scale),
      y: top + (height * (1 - tall)) / 2, height: height * tall, fill: COLORS[s.label],
    }));
  }
}

function miniature(segments) {
  const svg = node("svg", { class: "mini", viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" });
  const last = segments[segments.length - 1];
  bar(svg, segments, 0, 1, 100, 14, 0, last ? last.end : 1);
  return svg;
}

const count = (number, singular, plural) => `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;
const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

// The residue in focus (0-based), which all drawings of the protein show. Listeners receive the
// residue and whether to bring it into view: a choice by key or click does, a pointer passing over
// does not.
const Focus = {
  at: 0, length: 0, listeners: [],
  begin(length) { this.at = 0; this.length = length; this.listeners = []; },
  listen(listener) { this.listeners.push(listener); },
  move(at, reveal) {
    if (!this.length) return;
    this.at = Math.max(0, Math.min(this.length - 1, at));
    for (const listener of this.listeners) listener(this.at, Boolean(reveal));
  },
};

// A pointer moves the focus when it moves itself. One that rests also gets events, when the page
// scrolls below it.
const Pointer = { x: null, y: null };
addEventListener("pointermove", (event) => { Pointer.x = event.clientX; Pointer.y = event.clientY; });
const rests = (event) => event.clientX === Pointer.x && event.clientY === Pointer.y;

// A handler that moves the focus to the residue that `find` returns for an event, if any.
const focusOn = (find, reveal) => (event) => {
  const at = !reveal && rests(event) ? null : find(event);
  if (at !== null) Focus.move(at, reveal);
};

// Keys of a drawing: arrows choose a residue, others are looked up in `more`.
function focusKeys(element, more = {}) {
  element.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const action = more[(event.shiftKey && event.key.startsWith("Arrow") ? "Shift" : "") + event.key];
    if (action) action();
    else if (event.key in steps) Focus.move(Focus.at + steps[event.key], true);
    else return;
    event.preventDefault();
  };
}
