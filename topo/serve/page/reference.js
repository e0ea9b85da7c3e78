"use strict";
// The REST reference: Swagger UI in the colours of the system, with the names and roles that it leaves out.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

const set = (element, name, value) => { if (element.getAttribute(name) !== value) element.setAttribute(name, value); };

// Swagger UI draws parts anew at any time, so this runs after each change.
function complete() {
  const all = (selector) => place.querySelectorAll(selector);
  for (const table of all("table[role=region]")) table.removeAttribute("role");
  for (const heading of all("h3")) set(heading, "aria-level", "2");
  for (const heading of all("h4")) set(heading, "aria-level", "3");
  for (const heading of all("h5")) set(heading, "aria-level", "4");
  for (const part of all(".information-container")) {
    set(part, "role", "region");
    set(part, "aria-label", "About the service");
  }
  for (const box of all("pre, .table-container, .model-box, .json-schema-2020-12")) set(box, "tabindex", "0");
  for (const field of all("tr input, tr select, tr textarea")) {
    const row = field.closest("tr[data-param-name], tr[data-property-name]");
    if (row) set(field, "aria-label", row.dataset.paramName || row.dataset.propertyName);
  }
  for (const field of all("select:not([aria-label])")) set(field, "aria-label", "Media type");
}

const place = document.getElementById("reference");
new MutationObserver(complete).observe(place, { childList: true, subtree: true });
SwaggerUIBundle({
  url: "/api/openapi.json",
  domNode: place,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
