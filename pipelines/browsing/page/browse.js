"use strict";
// The list, its filters and the address: what is seen is what the address says, so that it can be kept and gone back to.

(async () => {
  const { el, fate, number, short } = Story;
  const $ = (id) => document.getElementById(id);
  const FILTERS = ["text", "regex", "outcome", "reason", "score", "least", "most", "cluster", "split", "sort", "descending", "decided"];
  // Whoever types is not answered at every letter.
  const TYPING_MS = 60;
  const write = document.querySelector("meta[name=assay-write]").content;

  async function ask(path, given) {
    const answer = await fetch(path, { credentials: "same-origin", ...given });
    const said = await answer.text();
    let told = null;
    try { told = JSON.parse(said); } catch { /* a line of text */ }
    if (!answer.ok || told === null) throw new Error(told?.error || said.trim() || `the server answered ${answer.status}`);
    return told;
  }

  function wrong(error) {
    $("found").className = "wrong";
    $("found").textContent = error instanceof TypeError ? "assay browse does not answer; start it again" : error.message;
  }

  // The key is in the cookie by now, and need not stand in the address.
  const address = new URL(location.href);
  address.searchParams.delete("key");
  history.replaceState(null, "", address);

  let about;
  try { about = await ask("/api/about"); } catch (error) { wrong(error); return; }
  introduce();
  restoreFilters();

  function introduce() {
    document.title = `${about.release} – assay browse`;
    const gate = about.gate === null ? "not judged" : about.gate ? "passed" : "failed";
    $("release").textContent = `${about.release}: ${about.total.toLocaleString("en")} rows, made ${about.made.slice(0, 16).replace("T", " ")} UTC, gate ${gate}`;
    $("altered").hidden = !about.altered;
    $("altered").textContent = about.altered ? `The release is not as it was made: ${about.altered}` : "";
    const option = (value, text) => el("option", { value }, text);
    const counted = ([name, rows]) => option(name, `${name} (${rows.toLocaleString("en")})`);
    $("outcome").append(...Object.entries(about.outcomes).map(counted));
    const group = (label, list) => list.length ? [el("optgroup", { label }, ...list.map(counted))] : [];
    $("reason").append(...group("took it out", about.reasons), ...group("noted", about.notes));
    $("score").append(...about.scores.map((name) => option(name, name)));
    $("cluster").append(...about.clusters.map(([at, rows, words]) => option(at, `${at}: ${words} (${rows.toLocaleString("en")})`)));
    $("split").append(...about.splits.map((name) => option(name, name)));
    const orders = [["row", "as read"], ["outcome", "outcome"], ["reasons", "reason"], ...about.scores.map((name) => [name, name]), ["cluster", "cluster"], ["language", "language"]];
    $("sort").append(...orders.map(([value, text]) => option(value, text)));
  }

  function filters() {
    const said = {};
    for (const name of FILTERS) {
      const field = $(name);
      const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value;
      if (value && !(name === "sort" && value === "row") && !field.disabled) said[name] = value;
    }
    return said;
  }

  function restoreFilters() {
    const given = new URL(location.href).searchParams;
    for (const name of FILTERS) {
      const field = $(name), value = given.get(name) || "";
      if (field.type === "checkbox") field.checked = Boolean(value);
      else if (value || name !== "sort") field.value = value;
    }
    boundsFollow();
  }

  function boundsFollow() {
    for (const name of ["least", "most"]) $(name).disabled = !$("score").value;
  }

  function remember() {
    const there = new URL(location.href);
    there.search = new URLSearchParams(filters()).toString();
    history.replaceState(null, "", there);
  }

  let asked = 0;
  async function page(url, config, given) {
    const mine = ++asked;
    const query = new URLSearchParams({ ...filters(), page: given.page || 1, size: given.size || 50 });
    try {
      const found = await ask(`/api/rows?${query}`);
      if (mine !== asked) return { data: [], last_page: 1, ...stale };
      if (found.made !== about.made) { location.reload(); }
      $("found").className = "";
      $("found").textContent = `${found.total.toLocaleString("en")} of ${about.total.toLocaleString("en")} rows`;
      stale = { data: found.rows, last_page: found.pages };
      document.body.dataset.answered = String(Number(document.body.dataset.answered || 0) + 1);
      return stale;
    } catch (error) {
      wrong(error);
      return { data: [], last_page: 1 };
    }
  }
  let stale = { data: [], last_page: 1 };

  const words = (cell) => el("span", {}, cell.getValue() || "");
  const figure = (cell) => {
    const value = cell.getValue();
    return value === null || value === undefined ? el("span", { class: "soft" }, "–") : el("span", {}, number(value));
  };
  // The number first: where room is short, it is the name that is cut.
  const source = (cell) => {
    const row = cell.getData();
    const number = `${row.source_row}${row.part ? `.${row.part}` : ""}`;
    const link = el("a", { href: `#row-${row.row}`, title: `${row.source}:${number}` }, number);
    const name = about.files > 1 ? el("span", { class: "soft" }, ` ${short(row.source)}`) : null;
    return el("span", {}, link, row.decided ? el("span", { title: "decided by people" }, " ✎") : null, name);
  };
  const why = (cell) => {
    const row = cell.getData();
    return row.reasons.length ? el("span", {}, row.reasons.join(", ")) : el("span", { class: "soft" }, row.notes.join(", "));
  };

  const table = new Tabulator("#rows", {
    ajaxURL: "/api/rows", ajaxRequestFunc: page, dataLoader: false,
    pagination: true, paginationMode: "remote", paginationSize: 50, paginationSizeSelector: [25, 50, 100, 200],
    sortMode: "remote", headerSortClickElement: "header", layout: "fitColumns", responsiveLayout: "hide", height: "100%", index: "row",
    placeholder: "No row is like that.", columnDefaults: { headerSort: false, resizable: false },
    rowFormatter: (row) => row.getElement().classList.toggle("chosen", row.getData().row === open.row),
    columns: [
      { title: "Row", field: "source", formatter: source, minWidth: 90, widthGrow: about.files > 1 ? 2 : 0.4, responsive: 0 },
      { title: "Outcome", field: "outcome", formatter: (cell) => fate(cell.getValue()), width: 118, responsive: 0 },
      { title: "Reasons and notes", field: "reasons", formatter: why, minWidth: 120, widthGrow: 2, responsive: 2 },
      { title: "Prompt", field: "prompt", formatter: words, minWidth: 130, widthGrow: 5, responsive: 1 },
      { title: "Answer", field: "completion", formatter: words, minWidth: 150, widthGrow: 5, responsive: 3 },
      { title: "Quality", field: "quality", formatter: figure, width: 84, hozAlign: "right", headerHozAlign: "right", responsive: 4 },
      { title: "Tokens", field: "n_tokens", formatter: figure, width: 80, hozAlign: "right", headerHozAlign: "right", responsive: 5 },
      { title: "Novelty", field: "diversity", formatter: figure, width: 84, hozAlign: "right", headerHozAlign: "right", responsive: 6 },
      { title: "Cluster", field: "cluster", formatter: figure, width: 80, hozAlign: "right", headerHozAlign: "right", responsive: 7 },
    ],
  });
  const built = new Promise((done) => table.on("tableBuilt", done));
  table.on("rowClick", (event, row) => { if (!event.target.closest("a")) go(row.getData().row); });

  $("more").addEventListener("click", () => {
    const opened = $("fields").classList.toggle("open");
    $("more").setAttribute("aria-expanded", String(opened));
  });

  let timer = null;
  function search(wait) {
    clearTimeout(timer);
    timer = setTimeout(async () => { remember(); await built; table.setPage(1).catch(() => {}); }, wait);
  }
  $("filters").addEventListener("submit", (event) => { event.preventDefault(); search(0); });
  $("filters").addEventListener("reset", () => setTimeout(() => { boundsFollow(); search(0); }));
  $("filters").addEventListener("change", (event) => { if (event.target.type !== "search") { boundsFollow(); search(0); } });
  $("filters").addEventListener("input", (event) => { if (["search", "number"].includes(event.target.type)) search(TYPING_MS); });

  function post(path, content) {
    return ask(path, { method: "POST", body: JSON.stringify(content), headers: { "content-type": "application/json", "x-assay-write": write } });
  }

  // One row beside the list.
  async function send(told, verdict, reason, reasons) {
    const after = await post(`/api/rows/${told.row}/decide`, { record_id: told.record_id, verdict, why: reason, reasons });
    table.replaceData().catch(() => {});
    return after;
  }

  function go(row) { location.hash = `row-${row}`; }
  function close() {
    const row = open.row;
    history.pushState(null, "", location.pathname + location.search);
    follow();
    document.querySelector(`a[href="#row-${row}"]`)?.focus();
  }

  async function open(row) {
    const turn = open.turn;
    open.row = row;
    mark();
    try {
      const told = await ask(`/api/rows/${row}`);
      if (open.turn !== turn) return;
      const said = filters();
      const searched = said.text ? { text: said.text, regex: Boolean(said.regex) } : null;
      const follows = (other) => (event) => { event.preventDefault(); go(other); };
      show(true);
      $("story").replaceChildren(...Story.draw(told, about, { searched, open: follows, send, close }));
      $("story").scrollTop = 0;
      $("story").focus({ preventScroll: true });
      if (matchMedia("(max-width: 860px)").matches) $("story").scrollIntoView();
      $("story").dataset.row = String(row);
      delete $("story").dataset.near;
      const [found, places] = await Promise.all([ask(`/api/rows/${row}/near`), ask(`/api/rows/${row}/places`)]);
      if (open.turn !== turn) return;
      Story.places($("story"), places);
      $("near").replaceChildren(...Story.near(found, follows));
      $("story").dataset.near = String(row);
    } catch (error) { wrong(error); }
  }
  open.row = null;
  open.turn = 0; // What is answered after another row was asked for, or this one again, comes too late.

  function show(told) {
    const changes = $("story").hidden === told;
    $("story").hidden = !told;
    for (const part of [document.body, document.querySelector("main")]) part.classList.toggle("told", told);
    if (changes) built.then(() => table.redraw());
  }

  function mark() {
    for (const row of table.getRows("active")) row.getElement().classList.toggle("chosen", row.getData().row === open.row);
  }

  // Thresholds instead of rows.
  const calibrate = Calibrate.begin({ ask, send: post });
  function view(calibrating) {
    const changes = $("calibrate").hidden === calibrating;
    for (const part of [$("filters"), $("found"), document.querySelector("main")]) part.hidden = calibrating;
    $("calibrate").hidden = !calibrating;
    $(calibrating ? "to-calibrate" : "to-rows").setAttribute("aria-current", "page");
    $(calibrating ? "to-rows" : "to-calibrate").removeAttribute("aria-current");
    if (changes && calibrating) { $("calibrate").focus({ preventScroll: true }); calibrate.enter(); }
    if (changes && !calibrating) built.then(() => table.redraw(true));
  }

  function follow() {
    open.turn += 1;
    view(location.hash === "#calibrate");
    const named = /^#row-(\d+)$/.exec(location.hash);
    if (named) { open(Number(named[1])); return; }
    open.row = null;
    show(false);
    built.then(mark);
  }
  $("to-rows").addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", location.pathname + location.search);
    follow();
  });
  addEventListener("hashchange", follow);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && open.row !== null && !event.target.closest("input, select")) close();
    if (event.key === "/" && !typing && $("calibrate").hidden) { event.preventDefault(); $("text").focus(); }
  });
  await built;
  follow();
})();
