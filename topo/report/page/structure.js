// The protein in space: a tube through its C-alphas, coloured by label, drawn by 3Dmol.js. The
// coordinates come with the outside up.

let viewer = null;

// C-alphas of the residues that have coordinates, as atoms of 3Dmol.js.
function atomsOf(protein) {
  const places = protein.structure.coordinates, atoms = [];
  for (const segment of parseTopology(protein.topology)) {
    for (let k = segment.start; k < segment.end; k++) {
      const [x, y, z] = places.slice(3 * k, 3 * k + 3);
      if (x === null) continue;
      atoms.push({
        x: x / 10, y: y / 10, z: z / 10, elem: "C", atom: "CA", resn: "GLY", chain: "A",
        resi: k + 1, serial: k + 1, hetflag: false, bonds: [], bondOrder: [], color: COLORS[segment.label],
      });
    }
  }
  return atoms;
}

function showStructure(protein) {
  $("space").hidden = !protein.structure || typeof $3Dmol === "undefined";
  if ($("space").hidden) return;
  const up = protein.structure.outside_up, inner = {{barrel}} ? "periplasm" : "inside";
  $("space-note").textContent = up
    ? `The membrane is horizontal, by the predicted segments: outside up, ${inner} down.`
    : "The labels do not say which side is out, so the structure is not turned.";
  const atoms = atomsOf(protein);
  viewer ||= $3Dmol.createViewer($("model"), { backgroundAlpha: 0, disableFog: true });
  viewer.clear();
  viewer.addModel().addAtoms(atoms);
  viewer.setStyle({}, { cartoon: { style: "trace", thickness: 0.8, colorfunc: (atom) => atom.color } });
  if (up) nameSides(atoms, inner);
  viewer.resize();
  viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
  viewer.zoomTo();
  viewer.zoom(0.85);
  viewer.render();
}

function nameSides(atoms, inner) {
  const heights = atoms.map((atom) => atom.y);
  const far = (pick) => heights.reduce((a, b) => pick(a, b));
  const style = { fontSize: 13, fontColor: "white", backgroundColor: "#57606a", backgroundOpacity: 0.8, alignment: "center" };
  viewer.addLabel("outside", { ...style, position: { x: 0, y: far(Math.max) + 6, z: 0 } });
  viewer.addLabel(inner, { ...style, position: { x: 0, y: far(Math.min) - 6, z: 0 } });
}
