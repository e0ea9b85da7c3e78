"use strict";
// One job: its state while it waits and runs, its report and files, and its deletion.

let current = null, events = null, announced = "";

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds < 1.5) return "a second";
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${(seconds / 3600).toFixed(1)} hours`;
}

function headline(job) {
  if (job.state === "queued") return job.waiting_for ? "Waiting for " + job.waiting_for : `Waiting, number ${job.position} in the queue`;
  if (job.state === "running") return "Predicting";
  return job.state === "done" ? `Done: ${plural(job.proteins, "protein")}` : "Failed: " + job.error;
}

// Screen readers hear a new state and every tenth of the way, not each step.
function announce(job, share) {
  const tenths = job.state === "running" ? Math.floor(share * 10) : 0;
  const text = headline(job) + (tenths ? `, ${tenths * 10} %` : "");
  if (text !== announced) $("state").textContent = announced = text;
}

function display(job) {
  const share = job.residues ? job.residues_done / job.residues : 0;
  const going = job.state === "queued" || job.state === "running";
  announce(job, share);
  $("progress").hidden = !going;
  $("progress").value = share;
  const residues = plural(job.residues, "residue");
  const size = job.state === "done" ? residues : `${plural(job.proteins, "protein")}, ${residues}`;
  const left = going && job.seconds_left !== null ? `, about ${duration(job.seconds_left)} left` : "";
  $("detail").textContent = size + left;
  $("keep").hidden = false;
  $("link").href = job.page;
  $("link").textContent = location.origin + job.page;
  $("expires").textContent = job.expires ? `until ${new Date(job.expires).toLocaleString()}` : "";
  $("notes").hidden = !job.notes.length;
  $("notes").replaceChildren(...job.notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  }));
  if (!going) finish(job);
}

function finish(job) {
  if (events) events.close();
  events = null;
  const links = Object.entries(job.results).map(([name, path]) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = path;
    link.download = "";
    link.textContent = name === "zip" ? "all files (zip)" : name;
    item.append(link);
    return item;
  });
  $("downloads").hidden = !links.length;
  $("downloads").firstElementChild.replaceChildren(...links.reverse());
  if (job.results.html) showReport(`${job.page}/files/report.html`);
}

function showReport(path) {
  const frame = $("report");
  if (!frame.hidden && frame.getAttribute("src") === path) return;
  frame.onload = () => {
    const root = frame.contentDocument && frame.contentDocument.documentElement;
    if (!root || !frame.contentDocument.body) return;
    const fit = () => { frame.style.height = Math.max(600, frame.contentDocument.body.offsetHeight + 24) + "px"; };
    new ResizeObserver(fit).observe(frame.contentDocument.body);
    fit();
  };
  frame.src = path + location.hash;
  frame.hidden = false;
}

function hideReport() {
  $("report").hidden = true;
  $("report").removeAttribute("src");
}

function watch(job) {
  current = job.id;
  announced = "";
  show("job");
  document.title = "Job: topo";
  $("downloads").hidden = true;
  display(job);
  if (job.state === "done" || job.state === "failed") return;
  events = new EventSource(`/api/jobs/${job.id}/events`);
  events.addEventListener("state", (event) => display(JSON.parse(event.data)));
  events.addEventListener("deleted", () => {
    events.close();
    gone("The job has been deleted.");
  });
}

function gone(text) {
  if (events) events.close();
  events = current = null;
  history.replaceState(null, "", "/");
  show("form");
  say("message", text);
  $("sequences").focus();
}

async function load(id) {
  try {
    watch(await ask(`/api/jobs/${encodeURIComponent(id)}`));
  } catch (error) {
    if (error.status !== 401) gone(error.message);
  }
}

$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("link").href).catch(() => getSelection().selectAllChildren($("link")));
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
});

$("delete").addEventListener("click", async () => {
  if (!confirm("Delete this job with its sequences and results?")) return;
  try {
    await ask(`/api/jobs/${current}`, { method: "DELETE" });
    gone("The job has been deleted.");
  } catch (error) {
    say("message", error.message);
  }
});
