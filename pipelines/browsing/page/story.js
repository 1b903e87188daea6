"use strict";
// One row's whole story. Every text of the data becomes a text node: nothing of it is ever read as markup.

const Story = (() => {
  const SCORE_NAMES = { n_tokens: "tokens", nearest_similarity: "nearest", diversity: "novelty" };
  // Longer texts are not compared word by word: it takes as many steps as the product of their words.
  const MOST_WORDS = 600;

  function el(name, given, ...inside) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(given || {})) {
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
    return node;
  }

  function number(value) {
    if (value === null || value === undefined) return "not measured";
    return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(3) : String(value);
  }

  // A source by the end of its path; the whole of it is its title, and stands in the story.
  function short(place) {
    return place.split("/").pop();
  }

  function fate(outcome) {
    return el("span", { class: `fate ${outcome}` }, outcome);
  }

  // Where the searched text stands in a text.
  function marked(text, searched) {
    if (!searched) return [text];
    const escaped = searched.regex ? searched.text : searched.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    let pattern;
    try { pattern = new RegExp(escaped, "giu"); } catch { return [text]; }
    const parts = [];
    let from = 0;
    for (const hit of text.matchAll(pattern)) {
      if (!hit[0] || parts.length > 400) continue;
      parts.push(text.slice(from, hit.index), el("mark", {}, hit[0]));
      from = hit.index + hit[0].length;
    }
    return [...parts, text.slice(from)];
  }

  function textBox(text, searched) {
    if (text === null || text === undefined) return el("p", { class: "soft" }, "none");
    return el("div", { class: "text", tabindex: text.length > 2000 ? "0" : null }, ...marked(text, searched));
  }

  // The words of `text` that `other` does not have in the same order, in a `tag`.
  function differing(text, other, tag) {
    const [mine, theirs] = [text, other].map((one) => (one || "").split(/(\s+)/));
    if (mine.length > MOST_WORDS * 2 || theirs.length > MOST_WORDS * 2) return [text || ""];
    const table = Array.from({ length: mine.length + 1 }, () => new Uint16Array(theirs.length + 1));
    for (let a = mine.length - 1; a >= 0; a--) {
      for (let b = theirs.length - 1; b >= 0; b--) {
        table[a][b] = mine[a] === theirs[b] ? table[a + 1][b + 1] + 1 : Math.max(table[a + 1][b], table[a][b + 1]);
      }
    }
    const parts = [];
    for (let a = 0, b = 0; a < mine.length;) {
      if (b < theirs.length && mine[a] === theirs[b]) { parts.push(mine[a]); a++; b++; }
      else if (b < theirs.length && table[a][b + 1] >= table[a + 1][b]) b++;
      else { parts.push(mine[a].trim() ? el(tag, {}, mine[a]) : mine[a]); a++; }
    }
    return parts;
  }

  function findings(title, list) {
    if (!list.length) return [];
    return [el("h3", {}, title), el("ul", {}, ...list.map((one) =>
      el("li", {}, el("strong", {}, one.name), one.meaning ? ` fails “${one.meaning}”` : "",
        one.meaning ? el("span", { class: "where", "data-finding": one.name }) : null)))];
  }

  // What each finding is about: words, quoted and marked in the text, or no words in particular, which is said too.
  function places(story, found) {
    for (const spot of story.querySelectorAll("[data-finding]")) {
      const where = found.findings[spot.dataset.finding];
      if (!where) continue;
      if (where.quotes.length) {
        const quotes = where.quotes.flatMap((quote, at) => [at ? ", " : "", el("mark", { class: "fails" }, quote)]);
        spot.replaceChildren(": ", ...quotes.filter(Boolean));
      } else {
        spot.classList.add("soft");
        spot.textContent = where.long ? " – too long a text to be searched for the place"
          : " – of the row as a whole: no words of it fail by themselves";
      }
    }
    for (const pieces of Object.values(found.texts)) {
      const whole = pieces.map(([piece]) => piece).join("");
      // Where a searched text is marked already, those marks stay.
      const box = [...story.querySelectorAll(".messages .text")].find((one) => one.textContent === whole && !one.querySelector("mark"));
      if (box) box.replaceChildren(...pieces.map(([piece, fails]) => (fails ? el("mark", { class: "fails" }, piece) : piece)));
    }
  }

  function turns(list, searched) {
    return list.flatMap((turn) => [
      el("div", { class: "role" }, turn.role),
      turn.text || !turn.calls.length ? textBox(turn.text, searched) : null,
      ...turn.calls.map((call) => el("div", { class: "text" }, call)),
    ]);
  }

  function conversation(told, searched) {
    if (told.lost !== null && told.lost !== undefined) return [el("h3", {}, "How the row begins"), textBox(told.lost, searched)];
    const parts = [el("h3", {}, "Messages"), el("div", { class: "messages" }, ...turns(told.messages || [], searched))];
    if ((told.chosen || []).length || (told.rejected || []).length) {
      parts.push(el("div", { class: "sides" },
        el("div", {}, el("h3", {}, "Chosen"), ...turns(told.chosen, searched)),
        el("div", {}, el("h3", {}, "Rejected"), ...turns(told.rejected, searched))));
    }
    if (told.label !== null && told.label !== undefined) parts.push(el("p", {}, `Label: ${told.label ? "wanted" : "unwanted"}`));
    return parts;
  }

  function twin(told, open) {
    if (!told.twin) return [];
    const other = told.twin;
    const near = other.similarity === null ? "" : ` at ${number(other.similarity)}`;
    const link = other.row === null ? short(other.place) : el("a", { href: `#row-${other.row}`, title: other.place, onclick: open(other.row) }, short(other.place));
    const side = (title, one, two, tag) => el("div", {}, el("div", { class: "role" }, title),
      el("div", { class: "text" }, ...differing(one.prompt, two.prompt, tag)),
      el("div", { class: "text" }, ...differing(one.completion, two.completion, tag)));
    return [el("h3", {}, "Its twin"), el("p", {}, link, " ", fate(other.outcome), near),
      el("div", { class: "sides" }, side("this row", told, other, "del"), side("its twin", other, told, "ins"))];
  }

  function before(told) {
    if (!told.before) return [];
    return [el("details", {}, el("summary", {}, `Before ${told.before.by} changed it`),
      el("p", { class: "id" }, told.before.record_id || ""), ...turns(told.before.turns))];
  }

  function scores(told) {
    const pairs = Object.entries(told.scores);
    if (!pairs.length) return [];
    return [el("h3", {}, "Scores"), el("dl", {}, ...pairs.map(([name, value]) =>
      el("div", {}, el("dt", {}, SCORE_NAMES[name] || name), el("dd", {}, number(value)))))];
  }

  function rest(told) {
    return [["Tools", told.tools], ["Metadata", told.metadata]].filter(([, text]) => text).map(([title, text]) =>
      el("details", {}, el("summary", {}, title), el("div", { class: "text" }, text)));
  }

  // What people said, the form, and what makes it so.
  function decide(told, about, send) {
    if (!told.record_id) return el("p", { class: "soft" }, "The row could not be read, so there is nothing to decide on: correct its source.");
    const box = el("section", { class: "decide", "aria-label": "Decide" });
    const draw = (state, done) => box.replaceChildren(...decideParts(state, told, about, async (verdict, why, reasons, say) => {
      try {
        const after = await send(told, verdict, why, reasons);
        draw(after, verdict === "undo" ? "Taken back." : "Written down.");
        box.querySelector(".done").focus();
      } catch (error) { say(error.message); }
    }, done));
    draw(told, "");
    return box;
  }

  function decideParts(state, told, about, act, done) {
    const parts = [];
    if (state.decisions.length) {
      parts.push(el("ul", { class: "decisions" }, ...state.decisions.map((one) => el("li", {},
        el("strong", {}, one.verdict), one.by ? ` by ${one.by}` : "", one.why ? `: ${one.why}` : "",
        one.reasons.length ? ` (${one.reasons.join(", ")})` : "", el("span", { class: "soft" }, `, ${one.at.replace("T", " ").replace("+00:00", " UTC")}`)))));
    }
    if (state.released_at && told.outcome === "duplicate") parts.push(el("p", { class: "soft" }, `The same content is released: ${state.released_at}.`));
    const wrong = el("p", { class: "wrong", role: "alert" });
    const why = el("textarea", { id: "why", maxlength: "2000", placeholder: "why, in a sentence; the ledger will say so" });
    const reason = el("select", { id: "because" }, el("option", { value: "" }, "none of these"),
      ...Object.entries(about.why).map(([name, text]) => el("option", { value: name }, text)));
    const button = (verdict, text, kind) => el("button", { type: "button", class: kind, onclick: () => {
      if (verdict !== "undo" && !why.value.trim()) { wrong.textContent = "Say why first."; why.focus(); return; }
      act(verdict, why.value, verdict === "reject" && reason.value ? [reason.value] : [], (text) => { wrong.textContent = text; });
    } }, text);
    if (state.may.includes("restore") || state.may.includes("reject")) parts.push(el("label", {}, `Reason, as ${about.by}`, why));
    if (state.may.includes("reject")) parts.push(el("label", {}, "What is wrong with it", reason));
    const buttons = [
      state.may.includes("restore") ? button("restore", "This should not have been dropped", "main") : null,
      state.may.includes("reject") ? button("reject", "This should have been dropped", state.may.includes("restore") ? "" : "main") : null,
      state.may.includes("undo") ? button("undo", "Take back what was decided by hand", "") : null,
    ].filter(Boolean);
    if (buttons.length) parts.push(el("div", { class: "buttons" }, ...buttons), wrong);
    if (done) parts.push(el("p", { class: "done", role: "status", tabindex: "-1" }, done, " The next run honours it: ", el("code", {}, state.next)));
    return parts.length ? parts : [el("p", { class: "soft" }, "There is nothing to decide here.")];
  }

  function near(found, open) {
    const line = (one) => el("li", {}, el("a", { href: `#row-${one.row}`, title: one.place, onclick: open(one.row) }, short(one.place)), " ", fate(one.outcome),
      one.score === null ? "" : ` ${number(one.score)}`, el("span", { class: "said" }, one.prompt), el("span", { class: "said" }, one.completion));
    const parts = [];
    if (found.copies.length) parts.push(el("h3", {}, "Rows that name it as their twin"), el("ul", { class: "near" }, ...found.copies.map(line)));
    return [...parts, el("h3", {}, "Near neighbours"), el("p", { class: "soft" }, found.how), el("ul", { class: "near" }, ...found.rows.map(line))];
  }

  function draw(told, about, { searched, open, send, close }) {
    const part = told.part ? `, part ${told.part}` : "";
    const parts = [
      el("div", { class: "top" }, el("h2", {}, `${short(told.source)}, row ${told.source_row}${part}`),
        el("button", { type: "button", class: "close", onclick: close }, "Close")),
      short(told.source) === told.source ? null : el("p", { class: "from" }, told.source),
      el("p", { class: "id" }, told.record_id || "no record: the row could not be read"),
      el("p", {}, fate(told.outcome), told.detail ? `: ${told.detail}` : ""),
      ...findings("Because of", told.reasons), ...findings("Noted", told.notes),
      decide(told, about, send), ...conversation(told, searched), ...twin(told, open), ...before(told),
      ...scores(told), ...rest(told), el("section", { id: "near" }, el("p", { class: "soft" }, "Looking for neighbours …")),
    ];
    return parts.filter(Boolean);
  }

  return { draw, near, places, el, fate, number, short };
})();
