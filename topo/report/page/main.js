// Puts the page together: counts, filters, the opened protein, saving.

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

async function openProtein(index, protein, quietly) {
  const found = await loadProtein(index, protein);
  document.querySelector("main").classList.add("split");
  showProtein(found);
  if (!quietly) {
    location.hash = "id=" + encodeURIComponent(protein.id);
    $("name").focus({ preventScroll: true });
    if (!matchMedia("(min-width: 1000px)").matches) $("protein").scrollIntoView({ block: "start" });
  }
}

async function start() {
  const index = await loadIndex();
  const table = new ProteinTable(index.proteins, (protein) => openProtein(index, protein).catch(fail));
  const all = index.proteins.length, traced = index.proteins.filter((p) => p.traced).length;
  const update = () => {
    table.show(chosen(index));
    $("shown").textContent = `${table.shown.length.toLocaleString("en")} of ${count(all, "protein", "proteins")} shown`;
  };
  setUpTypes(index, update);
  $("total").textContent = `${count(all, "protein", "proteins")}.`
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
  $("close").hidden = false;
  $("close").addEventListener("click", () => {
    $("list").scrollIntoView({ block: "nearest" });
    $("grid").focus({ preventScroll: true });
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
