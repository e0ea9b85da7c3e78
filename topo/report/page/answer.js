// The answer: sentence, ends, types, confidence, segments, alternatives and links.

const DATABASES = [
  ["UniProt", (a) => `https://www.uniprot.org/uniprotkb/${a}`],
  ["AlphaFold DB", (a) => `https://alphafold.ebi.ac.uk/entry/${a}`],
  ["InterPro", (a) => `https://www.ebi.ac.uk/interpro/protein/UniProt/${a}/`],
];

function showAnswer(protein) {
  $("name").textContent = protein.id;
  $("description").textContent = protein.description;
  $("description").hidden = !protein.description;
  $("answer").textContent = `${protein.answer}.`;
  const facts = [["Length", count(protein.sequence.length, "residue", "residues")]];
  const mature = {{mature}} ? " (mature chain)" : "";
  facts.push([`N-terminus${mature}`, protein.n_terminus], ["C-terminus", protein.c_terminus]);
  if (protein.confidence !== null) facts.push(["Confidence", protein.confidence.toFixed(3)]);
  if (protein.relatives !== null) facts.push(["Relatives used", String(protein.relatives)]);
  if (protein.constraints !== null) facts.push(["Constraints, by the free model", percent(protein.constraints)]);
  $("facts").replaceChildren(...facts.map(([name, value]) => {
    const fact = tag("div");
    fact.append(tag("dt", {}, name), tag("dd", {}, value));
    return fact;
  }));
  $("trust").hidden = protein.confidence === null;
  $("traces-note").textContent = protein.probabilities ? "" : "This page holds no probabilities per residue of this protein.";
  showLinks(protein.accession);
  showTypes(protein);
  showAlternatives(protein.alternatives);
  $("copy-answer").onclick = () => copyText(`${protein.id}: ${protein.answer}.`, "Answer copied");
  $("copy-fasta").onclick = () => copyText(fasta(protein), "FASTA copied");
  $("copy-topology").onclick = () => copyText(threeLine(protein), "3-line record copied");
}

function fasta(protein) {
  const lines = protein.sequence.replace(/(.{60})(?=.)/g, "$1\n");
  return `>${protein.id}${protein.description ? " " + protein.description : ""}\n${lines}\n`;
}

function threeLine(protein) {
  const labels = parseTopology(protein.topology).map((s) => s.label.repeat(s.end - s.start)).join("");
  return `>${protein.id} | ${protein.type}\n${protein.sequence}\n${labels}\n`;
}

function showLinks(accession) {
  $("links").hidden = !accession;
  if (!accession) return;
  $("links").replaceChildren(`${accession} in `, ...DATABASES.flatMap(([name, address], k) => {
    const link = tag("a", { href: address(accession), target: "_blank", rel: "noopener noreferrer" }, name);
    return k ? [", ", link] : [link];
  }));
}

// One row per share: words, a bar, the value in per cent.
function shareRow(words, share, picked) {
  const row = tag("li", picked ? { class: "picked" } : {});
  const meter = node("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  meter.append(node("rect", { width: Math.max(0.5, 100 * share), height: 10 }));
  row.append(tag("span", {}, words), meter, tag("b", {}, percent(share)));
  return row;
}

function showTypes(protein) {
  const shares = protein.type_probabilities;
  $("kinds").hidden = !shares;
  if (!shares) return;
  $("type-bars").replaceChildren(...Object.entries(shares).map(([name, share]) => {
    const row = shareRow(name, share, name === protein.type);
    row.title = TYPE_NAMES[name];
    return row;
  }));
}

function showAlternatives(found) {
  $("others-note").textContent = found
    ? "Topologies that differ in the order, number or sides of segments. Each probability is an exact sum over all ends."
    : "Run topo predict with --alternatives 5 to list other topologies with their probabilities.";
  for (const id of ["others-data", "odds", "counts", "counts-title"]) $(id).hidden = !found;
  if (!found) return;
  $("alternatives").tBodies[0].replaceChildren(...found.topologies.map((other) => {
    const row = tag("tr"), cell = tag("td", { class: "strip" });
    cell.append(miniature(parseTopology(other.topology)));
    row.append(tag("td", {}, other.answer), cell, tag("td", { class: "number" }, percent(other.probability)));
    return row;
  }));
  const odds = [
    ["Any other topology", found.unlisted],
    ["The predicted topology with its sides exchanged", found.flipped],
    ["N-terminus inside", found.n_inside],
  ];
  $("odds").replaceChildren(...odds.map(([words, share]) => tag("li", {}, `${words}: ${percent(share)}`)));
  const last = found.segments.length - 1, most = Math.max(...found.segments);
  $("counts").replaceChildren(...found.segments.flatMap((share, k) =>
    share >= 0.001 ? [shareRow(k === last && k > 0 ? `${k} or more` : String(k), share, share === most)] : []));
}

function showSegments(protein) {
  $("segments").tBodies[0].replaceChildren(...protein.segments.map((s) => {
    const row = tag("tr", { tabindex: 0, "data-first": s.first - 1, "data-last": s.last });
    const name = tag("td"), share = s.probability === null ? "" : s.probability.toFixed(2);
    name.append(tag("i", { "data-label": s.label }), `${NAMES[s.label]} ${s.number}`);
    row.append(name, ...[s.first, s.last, s.last - s.first + 1, s.before, s.after, share].map((text, k) =>
      tag("td", k === 3 || k === 4 ? {} : { class: "number" }, String(text))));
    return row;
  }));
  const body = $("segments").tBodies[0];
  const middle = (event) => {
    const row = event.target.closest("tr");
    return row ? Math.floor((Number(row.dataset.first) + Number(row.dataset.last) - 1) / 2) : null;
  };
  body.onpointerover = focusOn(middle, false);
  body.onclick = focusOn(middle, true);
  body.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    focusOn(middle, true)(event);
  };
  Focus.listen((at) => {
    for (const row of body.rows) row.classList.toggle("focus", at >= row.dataset.first && at < row.dataset.last);
  });
}
