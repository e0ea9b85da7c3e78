"use strict";
// The form of a new job, and the start of the page.

// Residues without a header are one protein.
function asFasta(text) {
  return /^[A-Za-z*\s]+$/.test(text) ? `>protein\n${text.trim()}\n` : text;
}

function collect() {
  const data = new FormData($("form")), known = $("known").value, file = $("file").files[0];
  if (data.get("probabilities") === "") data.delete("probabilities");
  if (known.includes("\t")) data.set("constraints", known);
  else for (const line of known.split("\n")) if (line.trim()) data.append("fix", line.trim());
  if (file) data.set("file", file);
  else data.set("file", new Blob([asFasta($("sequences").value)]), "input");
  return data;
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("refusal", "");
  say("message", "");
  if (!$("file").files.length && !$("sequences").value.trim()) {
    say("refusal", "found no sequences, expected FASTA or a file");
    $("sequences").focus();
    return;
  }
  $("submit").disabled = true;
  try {
    const job = await ask("/api/jobs", { method: "POST", body: collect() });
    history.pushState(null, "", job.page);
    watch(job);
    $("job-title").focus();
  } catch (error) {
    say("refusal", error.message);
  } finally {
    $("submit").disabled = false;
  }
});

$("example").addEventListener("click", async () => {
  $("file").value = "";
  const answer = await fetch("/static/example.fasta");
  $("sequences").value = await answer.text();
  $("sequences").focus();
});

$("clear").addEventListener("click", () => {
  $("file").value = $("sequences").value = "";
  $("sequences").focus();
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    $("file").files = event.dataTransfer.files;
    $("sequences").value = "";
  });
}

function open() {
  say("message", "");
  const [, folder, id] = location.pathname.split("/");
  if (folder === "jobs" && id) {
    load(decodeURIComponent(id));
  } else {
    document.title = "topo: membrane topology of proteins";
    show("form");
  }
}

addEventListener("popstate", open);
open();
