// The list: filters, sorting, and a table that holds only the rows in view.

const NARROW = matchMedia("(max-width: 600px)");
const rowHeight = () => (NARROW.matches ? 64 : 36);  // as in the style
const COLUMNS = [
  { name: "Protein", key: "id", kind: "" },
  { name: "Type", key: "type", kind: "", width: "5.2em" },
  { name: "Length", key: "length", kind: "number tertiary", width: "4.9em" },
  { name: "Segments", key: "membrane", kind: "number", width: "5.6em" },
  { name: "Signal to", key: "signal", kind: "number secondary", width: "5.6em" },
  { name: "Confidence", key: "confidence", kind: "number", width: "6.4em" },
  { name: "Topology", kind: "secondary", width: "34%" },
];

class ProteinTable {
  constructor(proteins, open) {
    this.proteins = proteins;
    this.open = open;
    this.shown = proteins;
    this.order = null;
    this.cursor = 0;
    this.picked = null;
    this.list = document.getElementById("list");
    this.grid = document.getElementById("grid");
    this.body = document.getElementById("rows");
    this.head();
    this.list.addEventListener("scroll", () => this.draw(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-at]");
      if (row) this.pick(Number(row.dataset.at));
    });
    new ResizeObserver(() => this.draw()).observe(this.list);
    NARROW.addEventListener("change", () => this.draw());
  }

  head() {
    const cells = COLUMNS.map((column) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.style.width = column.width || "";
      cell.className = column.kind;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.name;
      if (column.key) {
        cell.setAttribute("aria-sort", "none");
        button.addEventListener("click", () => this.sort(column));
      } else {
        button.disabled = true;
      }
      cell.append(button);
      return cell;
    });
    document.getElementById("columns").append(...cells);
  }

  sort(column) {
    const down = this.order && this.order.key === column.key ? !this.order.down : column.kind.startsWith("number");
    this.order = { key: column.key, down };
    document.querySelectorAll("#columns th").forEach((cell, k) => {
      const mine = COLUMNS[k].key === column.key && column.key;
      if (COLUMNS[k].key) cell.setAttribute("aria-sort", mine ? (down ? "descending" : "ascending") : "none");
      cell.firstChild.textContent = COLUMNS[k].name + (mine ? (down ? " \u2193" : " \u2191") : "");
    });
    this.show(this.shown);
  }

  show(proteins) {
    this.shown = proteins.slice();
    if (this.order) {
      const { key, down } = this.order, sign = down ? -1 : 1;
      const collator = new Intl.Collator("en", { numeric: true });
      this.shown.sort((a, b) => {
        const [p, q] = [a[key], b[key]];
        if (p === null || q === null) return (p === null) - (q === null) || a.at - b.at;
        return sign * (typeof p === "string" ? collator.compare(p, q) : p - q) || a.at - b.at;
      });
    }
    this.cursor = 0;
    this.list.scrollTop = 0;
    this.grid.setAttribute("aria-rowcount", this.shown.length + 1);
    this.draw();
  }

  draw() {
    const view = Math.ceil(this.list.clientHeight / rowHeight()) + 12;
    const first = Math.max(0, Math.floor(this.list.scrollTop / rowHeight()) - 6);
    const last = Math.min(this.shown.length, first + view);
    const rows = [this.filler(first)];
    for (let at = first; at < last; at++) rows.push(this.row(at));
    rows.push(this.filler(this.shown.length - last));
    this.body.replaceChildren(...rows);
    const cursor = this.body.querySelector("tr.cursor");
    if (cursor) this.grid.setAttribute("aria-activedescendant", cursor.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  filler(count) {
    const row = document.createElement("tr");
    row.className = "filler";
    row.setAttribute("aria-hidden", "true");
    row.style.height = count * rowHeight() + "px";
    return row;
  }

  row(at) {
    const protein = this.shown[at], row = document.createElement("tr");
    row.id = "row-" + at;
    row.dataset.at = at;
    row.setAttribute("aria-rowindex", at + 2);
    row.setAttribute("aria-selected", String(protein === this.picked));
    if (at === this.cursor) row.className = "cursor";
    const values = [
      protein.id, protein.type, protein.length, protein.membrane, protein.signal || "",
      protein.confidence === null ? "" : protein.confidence.toFixed(3),
    ];
    COLUMNS.forEach((column, k) => {
      const cell = document.createElement("td");
      cell.className = column.kind;
      if (k < values.length) cell.textContent = values[k];
      else cell.append(miniature(protein.segments));
      if (k === 0) {
        cell.title = protein.description ? `${protein.id} ${protein.description}` : protein.id;
        cell.append(miniature(protein.segments));
      }
      row.append(cell);
    });
    return row;
  }

  move(to) {
    this.cursor = Math.max(0, Math.min(this.shown.length - 1, to));
    const top = this.cursor * rowHeight(), head = 40, height = this.list.clientHeight - head;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (top + rowHeight() > this.list.scrollTop + height) this.list.scrollTop = top + rowHeight() - height;
    this.draw();
  }

  key(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.list.clientHeight / rowHeight()) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) this.move(this.cursor + moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.cursor);
    else return;
    event.preventDefault();
  }

  pick(at) {
    if (!this.shown[at]) return;
    this.cursor = at;
    this.picked = this.shown[at];
    this.draw();
    this.open(this.picked);
  }
}
