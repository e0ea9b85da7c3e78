// What the page holds: an index of all proteins and blocks of documents, each a base64 text of zlib
// data. A block is unpacked only when one of its proteins is opened.

async function unpack(element) {
  const text = atob(element.textContent.trim());
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

async function loadIndex() {
  const data = await unpack($("index"));
  const proteins = data.proteins.map(([id, type, confidence, topology, description, traced], at) => {
    const segments = parseTopology(topology);
    const number = (label) => segments.filter((s) => s.label === label).length;
    return {
      at, id, description, traced: Boolean(traced), segments,
      lower: `${id} ${description}`.toLowerCase(),
      type: type === null ? "none" : data.types[type],
      confidence,
      length: segments.length ? segments[segments.length - 1].end : 0,
      signal: segments.length && {{begins}} ? segments[0].end : 0,
      membrane: {{number}},
    };
  });
  return { ...data, proteins };
}

const blocks = new Map();

async function loadProtein(index, protein) {
  const number = Math.floor(protein.at / index.block);
  if (!blocks.has(number)) {
    if (blocks.size > 8) blocks.clear();
    blocks.set(number, unpack($(`block-${number}`)));
  }
  return (await blocks.get(number))[protein.at % index.block];
}
