// What the page holds: an index of all proteins and blocks of sequences and probabilities, each a
// base64 text of zlib data. A block is unpacked only when one of its proteins is opened.

const LABELS = "IOPSMB";

async function unpack(element) {
  const text = atob(element.textContent.trim());
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// "S18O42M21" -> [{label, start, end}], 0-based and half-open.
function parseTopology(text) {
  const segments = [];
  let start = 0;
  for (const [, label, length] of text.matchAll(/([IOPSMB-])(\d+)/g)) {
    segments.push({ label, start, end: start + Number(length) });
    start += Number(length);
  }
  return segments;
}

async function loadIndex() {
  const data = JSON.parse(new TextDecoder().decode(await unpack(document.getElementById("index"))));
  const proteins = data.proteins.map(([id, type, confidence, topology, traced, relatives], at) => {
    const segments = parseTopology(topology);
    const count = (label) => segments.filter((s) => s.label === label).length;
    return {
      at, id, traced: Boolean(traced), segments,
      lower: id.toLowerCase(),
      type: type === null ? "none" : data.types[type],
      confidence,
      relatives,
      length: segments.length ? segments[segments.length - 1].end : 0,
      signal: segments.length && segments[0].label === "S" ? segments[0].end : 0,
      membrane: count("M") + count("B"),
    };
  });
  return { ...data, proteins };
}

const blocks = new Map();

// Sequence and probabilities (6 arrays of whole per cent, or null) of one protein.
async function loadProtein(index, protein) {
  const number = Math.floor(protein.at / index.block);
  if (!blocks.has(number)) {
    if (blocks.size > 8) blocks.clear();
    blocks.set(number, unpack(document.getElementById("block-" + number)));
  }
  const bytes = await blocks.get(number);
  let offset = 0;
  for (let at = number * index.block; at < protein.at; at++) {
    const other = index.proteins[at];
    offset += other.length * (other.traced ? 1 + LABELS.length : 1);
  }
  const part = (k) => bytes.subarray(offset + k * protein.length, offset + (k + 1) * protein.length);
  return {
    sequence: new TextDecoder().decode(part(0)),
    traces: protein.traced ? [...LABELS].map((_, k) => part(k + 1)) : null,
  };
}
