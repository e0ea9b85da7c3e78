// Saving and copying: text, SVG and PNG.

function save(name, content, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function fileName(id) {
  return id.replace(/[^A-Za-z0-9._+-]/g, "_").slice(0, 100) || "protein";
}

async function copyText(text, words) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no permission, or an old browser
    const area = tag("textarea", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  $("copied").textContent = words;
  setTimeout(() => { if ($("copied").textContent === words) $("copied").textContent = ""; }, 2500);
}

// A drawing as a picture of its own: with id, answer and colours, in dark ink on white.
function standalone(drawing, protein) {
  const svg = drawing.cloneNode(true), box = drawing.viewBox.baseVal;
  const head = 46, foot = 30, size = 13;
  const labels = [...new Set(protein.segments.map((s) => s.label))];
  const width = Math.max(box.width, 430), height = box.height + head + foot;
  svg.querySelectorAll(".pointer, .overview").forEach((element) => element.remove());
  const paper = node("rect", { x: box.x, y: box.y - head, width, height, fill: "#ffffff" });
  const titles = node("g", { "font-size": size, fill: "#1c2128", "text-anchor": "start" });
  titles.append(node("text", { x: box.x + 8, y: box.y - head + 18, "font-weight": 700 }, protein.id));
  titles.append(node("text", { x: box.x + 8, y: box.y - head + 36 }, protein.answer));
  labels.forEach((label, k) => {
    const x = box.x + 8 + k * 118, y = box.y + box.height + 18;
    titles.append(node("rect", { x, y: y - 10, width: 11, height: 11, fill: COLORS[label] }));
    titles.append(node("text", { x: x + 16, y, "font-size": 12 }, NAMES[label]));
  });
  svg.prepend(paper);
  svg.append(titles);
  const attributes = {
    xmlns: SVG, color: "#1c2128", width, height, viewBox: `${box.x} ${box.y - head} ${width} ${height}`,
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  return new XMLSerializer().serializeToString(svg);
}

async function toPng(text) {
  const image = new Image(), scale = 2;
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    image.src = address;
    await image.decode();
    const canvas = tag("canvas");
    const limit = Math.min(scale, 16000 / Math.max(image.width, image.height));
    canvas.width = Math.round(image.width * limit);
    canvas.height = Math.round(image.height * limit);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

function setUpSaving(name, protein) {
  const drawing = () => standalone($(name).querySelector("svg"), protein);
  const file = `${fileName(protein.id)}_${name}`;
  $(`${name}-svg`).onclick = () => save(`${file}.svg`, drawing(), "image/svg+xml");
  $(`${name}-png`).onclick = async () => save(`${file}.png`, await toPng(drawing()));
}
