// The panel of one protein.

function showProbe(protein) {
  const slider = $("residue"), segments = parseTopology(protein.topology);
  $("probe").hidden = !protein.sequence;
  if (!protein.sequence) return;
  slider.max = protein.sequence.length;
  slider.oninput = () => Focus.move(Number(slider.value) - 1, true);
  Focus.listen((at) => {
    slider.value = at + 1;
    const label = segments.find((s) => s.end > at).label;
    const shares = Object.entries(protein.probabilities || {}).map(([name, trace]) => [name, trace[at]]);
    const known = shares.filter(([, share]) => share > 0).sort((a, b) => b[1] - a[1]);
    $("reading").textContent = `${protein.sequence[at]}${at + 1} ${NAMES[label]}`
      + (known.length ? ": " + known.map(([name, share]) => `${NAMES[name]} ${(share / 100).toFixed(2)}`).join(", ") : "");
  });
}

let openTraces = null;

// "value, count" pairs to one value per residue.
function expand(runs) {
  const values = [];
  for (let k = 0; k < runs.length; k += 2) for (let n = 0; n < runs[k + 1]; n++) values.push(runs[k]);
  return values;
}

// Show a protein; `found` is the object that the documentation of the report page describes.
function showProtein(found) {
  const traces = found.probabilities && Object.fromEntries(
    Object.entries(found.probabilities).map(([label, runs]) => [label, expand(runs)]));
  const protein = { ...found, probabilities: traces };
  $("protein").hidden = false;
  Focus.begin(protein.sequence.length);
  showAnswer(protein);
  showSegments(protein);
  showSequence(protein);
  openTraces = showTraces(protein);
  showSnake(protein);
  showProbe(protein);
  setUpSaving("snake", protein);
  setUpSaving("traces", protein);
  try {
    showStructure(protein);
  } catch {  // no WebGL here
    $("space").hidden = true;
  }
  Focus.move(0, false);
}

new ResizeObserver(() => {
  if (openTraces && openTraces.width !== Math.max(300, $("traces").clientWidth)) openTraces.draw();
}).observe($("traces"));
