// The protein in space: a tube through its C-alphas, coloured by label, drawn by 3Dmol.js.

const MISSING = -32768;
let viewer = null;

// C-alphas of the residues that have coordinates, as atoms of 3Dmol.js.
async function loadAtoms(protein) {
  const bytes = await unpack($("structure-" + protein.at));
  const view = new DataView(bytes.buffer), atoms = [];
  for (const segment of protein.segments) {
    for (let k = segment.start; k < segment.end; k++) {
      const [x, y, z] = [0, 2, 4].map((offset) => view.getInt16(6 * k + offset, true));
      if (x === MISSING) continue;
      atoms.push({
        x: x / 10, y: y / 10, z: z / 10, elem: "C", atom: "CA", resn: "GLY", chain: "A",
        resi: k + 1, serial: k + 1, hetflag: false, bonds: [], bondOrder: [], color: COLORS[segment.label],
      });
    }
  }
  return atoms;
}

async function showStructure(protein) {
  $("space").hidden = !$("structure-" + protein.at);
  if ($("space").hidden) return;
  const atoms = await loadAtoms(protein);
  viewer ||= $3Dmol.createViewer($("model"), { backgroundAlpha: 0, disableFog: true });
  viewer.clear();
  viewer.addModel().addAtoms(atoms);
  viewer.setStyle({}, { cartoon: { style: "trace", thickness: 0.8, colorfunc: (atom) => atom.color } });
  viewer.resize();
  viewer.zoomTo();
  viewer.render();
}
