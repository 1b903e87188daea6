"use strict";
// Yes or no about what a threshold decides: the questions of `assay calibrate`, by key and by button.

const Calibrate = (() => {
  const { el } = Story;
  const $ = (id) => document.getElementById(id);
  const KEYS = { y: "yes", n: "no", s: "skip" };

  // `ask` and `send` speak to the server. Returns what the page does when the view is come to, and when it is left.
  function begin({ ask, send }) {
    let draw = null, at = 0, past = [], busy = false;

    const wanted = () => ({ of: $("of").value, size: Number($("size").value), precision: Number($("precision").value) });
    const query = () => new URLSearchParams(wanted());

    function wrong(error) { $("calibrate-wrong").textContent = error ? (error instanceof TypeError ? "assay browse does not answer; start it again" : error.message) : ""; }

    async function load() {
      wrong(null);
      $("curve").hidden = true;
      try {
        draw = await ask(`/api/calibrate?${query()}`);
      } catch (error) { draw = null; $("asking").hidden = true; wrong(error); return; }
      past = [];
      $("asking").hidden = false;
      $("ask").textContent = draw.ask;
      next(0);
    }

    // The first question from there on that is not answered; then from the beginning; then none.
    function next(from) {
      const open = (one) => one.answer === null;
      const after = draw.questions.findIndex((one, place) => place >= from && open(one));
      at = after >= 0 ? after : draw.questions.findIndex(open);
      show();
      if (at < 0) curve();
    }

    function show() {
      const all = draw.questions.length, open = draw.questions.filter((one) => one.answer === null).length;
      const skipped = draw.questions.filter((one) => one.answer === "skip").length;
      $("progress").max = Math.max(1, all);
      $("progress").value = all - open;
      $("done").textContent = `${all - open - skipped} of ${all} answered${skipped ? `, ${skipped} skipped` : ""}; drawn from ${draw.candidates.toLocaleString("en")} ${draw.noun}s`;
      $("undo").disabled = !past.length;
      for (const button of $("answers").querySelectorAll("[data-answer]")) button.disabled = at < 0;
      $("ask").hidden = at < 0;
      if (at < 0) { $("sides").replaceChildren(); return; }
      const names = draw.questions[at].sides.length > 1 ? ["A, ", "B, "] : [""];
      $("sides").replaceChildren(...draw.questions[at].sides.map((side, number) => el("div", {},
        el("div", { class: "role" }, `${names[number]}prompt`), el("div", { class: "text", dir: "auto" }, side.prompt),
        el("div", { class: "role" }, `${names[number]}answer`), el("div", { class: "text", dir: "auto" }, side.answer))));
    }

    // One at a time: whoever is quicker than the disk is not answered about the wrong question.
    async function say(place, answer) {
      if (busy || place < 0 || !draw) return false;
      busy = true;
      try {
        await send("/api/calibrate/answer", { ...wanted(), id: draw.questions[place].id, answer });
        draw.questions[place].answer = answer;
        wrong(null);
        $("calibrate").dataset.said = String(Number($("calibrate").dataset.said || 0) + 1);
        return true;
      } catch (error) { wrong(error); return false; } finally { busy = false; }
    }

    async function answer(said) {
      const mine = at;
      if (!(await say(mine, said))) return;
      past.push(mine);
      $("curve").hidden = true;
      next(mine + 1);
    }

    async function undo() {
      const last = past[past.length - 1];
      if (last === undefined || !(await say(last, null))) return;
      past.pop();
      at = last;
      $("curve").hidden = true;
      show();
    }

    async function curve() {
      try {
        const told = await ask(`/api/calibrate/curve?${query()}`);
        $("curve").replaceChildren(...Curve.draw(told, draw.noun, write));
        $("curve").hidden = false;
        $("curve").querySelector("h3").focus({ preventScroll: false });
      } catch (error) { wrong(error); }
    }

    async function write(threshold, tell) {
      try {
        const done = await send("/api/calibrate/write", { ...wanted(), threshold });
        tell(`Written: ${done.setting} ${done.threshold.toFixed(2)} to ${done.config}; the next assay curate --config ${done.config} uses it.`, false);
      } catch (error) { tell(error.message, true); }
    }

    $("answers").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.answer) answer(button.dataset.answer);
      else if (button?.id === "undo") undo();
      else if (button?.id === "told") curve();
    });
    $("draw").addEventListener("submit", (event) => event.preventDefault());
    $("draw").addEventListener("change", () => { if ($("draw").reportValidity()) load(); });
    document.addEventListener("keydown", (event) => {
      if ($("calibrate").hidden || !draw || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      if (event.target.closest("select, input:not([type=radio]), textarea")) return;
      if (KEYS[event.key]) { event.preventDefault(); answer(KEYS[event.key]); }
      if (event.key === "u") { event.preventDefault(); undo(); }
    });

    return { enter: load };
  }

  return { begin };
})();
