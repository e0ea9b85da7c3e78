"use strict";
// What all parts of the page share: elements, requests, and which part is shown.

const $ = (id) => document.getElementById(id);
const PARTS = ["login", "form", "job"];

function show(part) {
  for (const name of PARTS) $(name).hidden = name !== part;
  if (part !== "job") hideReport();
}

function say(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

// Fetch from the service. A refusal raises its one line; without a token the login is shown.
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("the server cannot be reached");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  if (answer.status === 401 && path !== "/api/session") {
    show("login");
    $("token").focus();
  }
  throw Object.assign(new Error(problem.detail), { status: answer.status });
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("login-refusal", "");
  try {
    await ask("/api/session", { method: "POST", body: new FormData($("login")) });
    $("token").value = "";
    open();
  } catch (error) {
    say("login-refusal", error.message);
  }
});
