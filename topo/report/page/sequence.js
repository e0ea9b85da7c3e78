// The sequence: groups of ten residues, numbered and coloured by label.

const GROUP = 10;

function showSequence(protein) {
  const box = $("sequence"), letters = [];
  const groups = [];
  const labels = parseTopology(protein.topology).flatMap((s) => Array(s.end - s.start).fill(s.label));
  for (let start = 0; start < protein.sequence.length; start += GROUP) {
    const end = Math.min(start + GROUP, protein.sequence.length);
    const group = tag("span", { class: "group", "data-end": end });
    for (let k = start; k < end; k++) {
      const letter = tag("b", { "data-label": labels[k] }, protein.sequence[k]);
      letters.push(letter);
      group.append(letter);
    }
    groups.push(group);
  }
  box.replaceChildren(...groups);
  const indexOf = (event) => {
    const letter = event.target.closest("b");
    return letter ? Number(letter.parentNode.dataset.end) - letter.parentNode.childNodes.length
      + [...letter.parentNode.childNodes].indexOf(letter) : null;
  };
  box.onpointerover = focusOn(indexOf, false);
  box.onclick = focusOn(indexOf, true);
  const width = () => {
    const top = groups[0] ? groups[0].offsetTop : 0;
    return GROUP * Math.max(1, groups.filter((group) => group.offsetTop === top).length);
  };
  focusKeys(box, {
    ArrowUp: () => Focus.move(Focus.at - width(), true),
    ArrowDown: () => Focus.move(Focus.at + width(), true),
  });
  let marked = null, first = 0, last = 0;
  Focus.listen((at, reveal) => {
    if (marked) marked.classList.remove("focus");
    marked = letters[at];
    marked.classList.add("focus");
    if (at < first || at >= last) {
      for (let k = first; k < last; k++) letters[k].classList.remove("segment");
      ({ start: first, end: last } = parseTopology(protein.topology).find((s) => at < s.end));
      for (let k = first; k < last; k++) letters[k].classList.add("segment");
    }
    if (reveal) scrollInside(box, marked);
  });
}

// Scroll a box, but not the page, so that an element inside it is visible.
function scrollInside(box, element) {
  const outer = box.getBoundingClientRect(), inner = element.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - outer.top - outer.height / 2;
  if (inner.left < outer.left + 20 || inner.right > outer.right - 20) box.scrollLeft += inner.left - outer.left - outer.width / 2;
}
