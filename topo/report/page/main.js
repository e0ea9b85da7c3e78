// Puts the page together: counts, filters, the opened protein, saving.

const $ = (id) => document.getElementById(id);

function save(name, text, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function fileName(id) {
  return id.replace(/[^A-Za-z0-9._+-]/g, "_").slice(0, 100) || "protein";
}

function setUpTypes(index, changed) {
  const counts = new Map([...index.types, "none"].map((type) => [type, 0]));
  for (const protein of index.proteins) counts.set(protein.type, counts.get(protein.type) + 1);
  for (const [type, count] of counts) {
    if (type === "none" && !count) continue;
    const label = document.createElement("label"), box = document.createElement("input");
    const number = document.createElement("b");
    box.type = "checkbox";
    box.value = type;
    box.checked = box.defaultChecked = true;
    number.textContent = count.toLocaleString("en");
    label.append(box, " " + (type === "none" ? "no type" : type) + " ", number);
    $("types").append(label);
  }
  $("types").addEventListener("change", changed);
}

function chosen(index) {
  const types = new Set([...document.querySelectorAll("#types input:checked")].map((box) => box.value));
  const text = $("search").value.trim().toLowerCase();
  const bound = (id, otherwise) => ($(id).value === "" ? otherwise : Number($(id).value));
  const [least, most, sure] = [bound("least", 0), bound("most", Infinity), bound("confidence", null)];
  return index.proteins.filter((p) =>
    types.has(p.type) && p.membrane >= least && p.membrane <= most && p.lower.includes(text)
    && (sure === null || (p.confidence !== null && p.confidence >= sure)));
}

function saveShown(table) {
  const line = (p) => [
    p.id.replace(/[\t\n\r]/g, " "), p.type, p.length, p.membrane, p.signal || "", p.confidence ?? "",
    p.segments.map((s) => `${s.label}${s.start + 1}-${s.end}`).join(";"),
  ].join("\t");
  const head = "id\ttype\tlength\tmembrane_segments\tsignal_peptide_end\tconfidence\ttopology";
  save("proteins.tsv", [head, ...table.shown.map(line), ""].join("\n"), "text/tab-separated-values");
}

function fillText(protein, sequence, traces) {
  const facts = [
    protein.type === "none" ? "no type" : protein.type, `${protein.length} residues`,
    `${protein.membrane} membrane segment${protein.membrane === 1 ? "" : "s"}`,
  ];
  if (protein.signal) facts.push(`signal peptide 1 to ${protein.signal}`);
  if (protein.confidence !== null) facts.push(`confidence ${protein.confidence.toFixed(3)}`);
  if (protein.relatives !== undefined) {
    facts.push(`${protein.relatives} relative${protein.relatives === 1 ? "" : "s"} used`);
  }
  $("name").textContent = protein.id;
  $("facts").textContent = facts.join(" \u00b7 ");
  const swatch = (label) => {
    const mark = document.createElement("i");
    mark.style.background = COLORS[label];
    return mark;
  };
  $("segments").tBodies[0].replaceChildren(...protein.segments.map((s) => {
    const row = document.createElement("tr");
    [NAMES[s.label], s.start + 1, s.end, s.end - s.start].forEach((text) => {
      row.insertCell().append(String(text));
    });
    row.cells[0].prepend(swatch(s.label));
    return row;
  }));
  const traced = (k) => traces && k < LABELS.length && traces[k].some((value) => value >= TRACE_FROM);
  const labels = [...LABELS, "-"].filter((l, k) => traced(k) || protein.segments.some((s) => s.label === l));
  $("legend").replaceChildren(...labels.map((label) => {
    const item = document.createElement("li");
    item.append(swatch(label), NAMES[label]);
    return item;
  }));
  $("sequence").textContent = sequence.replace(/(.{10})/g, "$1 ").replace(/((?:\S+ ){5}\S+) /g, "$1\n");
}

function setUpProbe(protein, sequence, traces) {
  const slider = $("residue"), svg = $("traces").firstChild, pointer = svg.querySelector(".pointer");
  const width = svg.viewBox.baseVal.width, inner = width - FRAME.left - FRAME.right;
  const read = () => {
    const k = Number(slider.value) - 1, x = FRAME.left + ((k + 0.5) / protein.length) * inner;
    pointer.setAttribute("x1", x);
    pointer.setAttribute("x2", x);
    const values = [...LABELS].map((label, n) => [label, traces ? traces[n][k] : 0]).filter(([, v]) => v > 0);
    values.sort((a, b) => b[1] - a[1]);
    const label = protein.segments.find((s) => s.end > k).label;
    $("reading").textContent = `${sequence[k]}${k + 1} ${NAMES[label]}`
      + (values.length ? ": " + values.map(([l, v]) => `${NAMES[l]} ${(v / 100).toFixed(2)}`).join(", ") : "");
  };
  $("probe").hidden = protein.length === 0;
  if (!protein.length) return;
  slider.max = protein.length;
  slider.value = 1;
  slider.oninput = read;
  svg.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * width - FRAME.left) / inner;
    slider.value = Math.floor(share * protein.length) + 1;
    read();
  };
  read();
}

async function openProtein(index, protein, quietly) {
  const { sequence, traces } = await loadProtein(index, protein);
  document.querySelector("main").classList.add("split");
  $("protein").hidden = false;
  fillText(protein, sequence, traces);
  const width = Math.max(320, Math.min(900, $("protein").clientWidth - 2));
  $("traces").replaceChildren(drawTraces(protein, traces, width));
  $("snake").replaceChildren(drawSnake(protein, sequence));
  setUpProbe(protein, sequence, traces);
  await showStructure(protein).catch(() => { $("space").hidden = true; });  // no WebGL here
  if (!traces && index.proteins.some((p) => p.traced)) {
    $("facts").textContent += " \u00b7 no probabilities" + (index.left_out ? " kept in this page" : "");
  }
  const saveDrawing = (id, suffix) => () => {
    const copy = $(id).firstChild.cloneNode(true);
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("color", "#1c2128");
    save(fileName(protein.id) + suffix, new XMLSerializer().serializeToString(copy), "image/svg+xml");
  };
  $("save-traces").onclick = saveDrawing("traces", "_traces.svg");
  $("save-snake").onclick = saveDrawing("snake", "_snake.svg");
  if (!quietly) {
    location.hash = "id=" + encodeURIComponent(protein.id);
    $("name").focus({ preventScroll: true });
    if (!matchMedia("(min-width: 1000px)").matches) $("protein").scrollIntoView({ block: "start" });
  }
}

async function start() {
  const index = await loadIndex();
  const table = new ProteinTable(index.proteins, (protein) => openProtein(index, protein).catch(fail));
  const count = index.proteins.length, traced = index.proteins.filter((p) => p.traced).length;
  const update = () => {
    table.show(chosen(index));
    $("shown").textContent = `${table.shown.length.toLocaleString("en")} of ${count.toLocaleString("en")} proteins shown`;
  };
  setUpTypes(index, update);
  $("total").textContent = `${count.toLocaleString("en")} protein${count === 1 ? "" : "s"}.`
    + (index.left_out ? ` To keep this page small it holds the probabilities of ${traced.toLocaleString("en")} of ${(traced + index.left_out).toLocaleString("en")} proteins that have them.` : "")
    + (traced ? " Probabilities are rounded to 0.01." : "");
  let waiting = 0;
  $("filters").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  });
  $("filters").addEventListener("reset", () => setTimeout(update));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("save").addEventListener("click", () => saveShown(table));
  $("close").addEventListener("click", () => {
    $("list").scrollIntoView({ block: "nearest" });
    $("list").focus();
  });
  update();
  const wanted = location.hash.startsWith("#id=") && decodeURIComponent(location.hash.slice(4));
  const found = wanted && index.proteins.find((p) => p.id === wanted);
  if (found) await openProtein(index, found, true);
  document.body.dataset.ready = "yes";
}

function fail(error) {
  $("problem").textContent = typeof DecompressionStream === "undefined"
    ? "This browser is too old to show the table (it lacks DecompressionStream); the files above hold everything."
    : `The page cannot show its data: ${error}`;
  $("problem").hidden = false;
}

start().catch(fail);
