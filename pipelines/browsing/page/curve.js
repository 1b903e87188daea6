"use strict";
// What the answers say: precision and recall along the threshold with their intervals, as a picture and as a table.

const Curve = (() => {
  const { el } = Story;
  const WIDTH = 640, HEIGHT = 240, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 40;

  function svg(name, given, ...inside) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(given)) node.setAttribute(key, value);
    node.append(...inside);
    return node;
  }

  const share = (one) => one.share === null ? "not measured"
    : `${one.share.toFixed(2)} (${one.interval[0].toFixed(2)} to ${one.interval[1].toFixed(2)})`;

  function picture(told) {
    const points = told.points;
    const low = points[0].threshold, span = points[points.length - 1].threshold - low;
    const x = (value) => LEFT + (span > 0 ? (value - low) / span : 0.5) * (WIDTH - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value) * (HEIGHT - TOP - BOTTOM);
    const parts = [0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, class: "end" }, value.toFixed(2)),
    ]);
    parts.push(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(told.demanded_precision), y2: y(told.demanded_precision), class: "demand" }));
    for (const one of points) parts.push(svg("text", { x: x(one.threshold), y: HEIGHT - BOTTOM + 16 }, one.threshold.toFixed(2)));
    parts.push(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4 }, `${told.setting}; dashed: the precision asked for`));
    // Beside each other, so that neither interval hides the other.
    for (const [name, shift] of [["recall", 3], ["precision", -3]]) {
      const known = points.filter((one) => one[name].share !== null);
      const at = (one) => x(one.threshold) + shift;
      for (const one of known) {
        parts.push(svg("line", { x1: at(one), x2: at(one), y1: y(one[name].interval[0]), y2: y(one[name].interval[1]), class: `interval ${name}` }));
      }
      parts.push(svg("polyline", { points: known.map((one) => `${at(one)},${y(one[name].share)}`).join(" "), class: `line ${name}` }));
      for (const one of known) {
        // By shape too, not by colour alone.
        parts.push(name === "precision" ? svg("circle", { cx: at(one), cy: y(one[name].share), r: 4, class: `point ${name}` })
          : svg("rect", { x: at(one) - 3.5, y: y(one[name].share) - 3.5, width: 7, height: 7, class: `point ${name}` }));
      }
    }
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Precision and recall along the threshold; the table has every number" }, ...parts);
  }

  function table(told, noun, chosen) {
    const heads = ["Write", "Threshold", `${noun[0].toUpperCase()}${noun.slice(1)}s`, "Answers", "Yes", "Precision", "Recall", ""];
    const rows = [...told.points].reverse().map((one) => {
      const name = one.threshold.toFixed(2);
      const choice = one.allowed ? el("input", { type: "radio", name: "threshold", value: String(one.threshold), "aria-label": name }) : null;
      if (choice) { choice.checked = one.threshold === chosen.value; choice.addEventListener("change", () => chosen.set(one.threshold)); }
      const marks = [told.recommended && one.threshold === told.recommended.threshold ? "recommended" : "",
        told.current !== null && Math.abs(one.threshold - told.current) < 0.005 ? "in force" : ""].filter(Boolean).join(", ");
      return el("tr", {}, el("td", {}, choice), el("th", { scope: "row" }, name),
        ...[one.candidates, one.answers, one.yes].map((count) => el("td", { class: "right" }, count.toLocaleString("en"))),
        el("td", {}, share(one.precision)), el("td", {}, share(one.recall)), el("td", { class: "soft" }, marks));
    });
    return el("div", { class: "wide-table", role: "region", "aria-label": "Precision and recall", tabindex: "0" }, el("table", {},
      el("caption", {}, `At or above each threshold; intervals hold in ${(told.confidence * 100).toFixed(0)}% of draws`),
      el("thead", {}, el("tr", {}, ...heads.map((head) => head ? el("th", { scope: "col" }, head) : el("td", {})))),
      el("tbody", {}, ...rows)));
  }

  // `write` gets the threshold that was chosen, and `say` to tell what came of it.
  function draw(told, noun, write) {
    const parts = [el("h3", { tabindex: "-1" }, "What the answers say"), el("p", { class: "verdict" }, told.verdict)];
    if (!told.points.length) return parts;
    const button = el("button", { type: "button", class: "main" });
    const said = el("p", { role: "status", class: "said" });
    const chosen = {
      value: told.recommended ? told.recommended.threshold : null,
      set(value) {
        chosen.value = value;
        button.disabled = value === null;
        button.textContent = value === null ? "Choose a threshold to write" : `Write ${told.setting} ${value.toFixed(2)} to ${told.config}`;
      },
    };
    button.addEventListener("click", () => write(chosen.value, (text, wrong) => { said.className = wrong ? "said wrong" : "said done"; said.textContent = text; }));
    const keys = el("p", { class: "keys" }, el("span", { class: "key precision" }), "precision: the share above it that is yes ",
      el("span", { class: "key recall" }), "recall: the share of all yes that is above it");
    parts.push(keys, el("figure", { tabindex: "0" }, picture(told)), table(told, noun, chosen));
    chosen.set(chosen.value);
    if (told.points.some((one) => one.allowed)) parts.push(el("div", { class: "buttons" }, button), said);
    return parts;
  }

  return { draw };
})();
