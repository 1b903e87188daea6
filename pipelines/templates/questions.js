"use strict";
const key = "assay-calibrate-" + document.body.dataset.draw;
const asked = [...document.querySelectorAll("fieldset")];

function answers() {
  const said = asked.map((one) => [one.dataset.id, one.querySelector("input:checked")?.value]);
  return Object.fromEntries(said.filter(([, answer]) => answer));
}

// A browser may forbid a page of a file to keep anything; then only what is saved is kept.
function kept() {
  try {
    return JSON.parse(localStorage.getItem(key) || "{}");
  } catch {
    return {};
  }
}

function show() {
  document.getElementById("done").textContent = `${Object.keys(answers()).length} of ${asked.length} answered`;
  try {
    localStorage.setItem(key, JSON.stringify(answers()));
  } catch {}
}

function save() {
  const lines = Object.entries(answers()).map(([id, answer]) => JSON.stringify({ id, answer }) + "\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  link.download = "answers.jsonl";
  link.click();
}

const before = kept();
for (const one of asked) {
  for (const input of one.querySelectorAll("input")) input.checked = before[one.dataset.id] === input.value;
}
document.addEventListener("change", show);
document.getElementById("save").addEventListener("click", save);
show();
