"use strict";
// What a reader may do with the page beside reading it: sort a table by a column, and ask the map what lies where.
// Without a script all of it stands there all the same.

const NUMBER = /-?[\d.]+(?:e-?\d+)?/;

// What a cell is sorted by: what the page says of it, else its first number, else its words. Null: nothing was measured.
function worth(cell, numeric) {
  if (!cell) return null;
  if (cell.dataset.by !== undefined) return Number(cell.dataset.by);
  const text = cell.textContent.trim();
  if (!numeric) return text.toLowerCase();
  const found = NUMBER.exec(text.replace(/,/g, "").replace(/−/g, "-"));
  if (!found || text === "–" || text.startsWith("not measured")) return null;
  return Number(found[0]) + (text.startsWith("<") ? -1e-9 : text.startsWith(">") ? 1e-9 : 0);
}

// The cell of a row below a column; one that spans several is below each of them.
function below(row, column) {
  let at = 0;
  for (const cell of row.cells) {
    at += cell.colSpan;
    if (column < at) return cell.colSpan > 1 ? null : cell;
  }
  return null;
}

function sort(table, head, column) {
  const numeric = head.classList.contains("n");
  const before = head.getAttribute("aria-sort");
  const [first, second] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  const now = before === first ? second : before === second ? null : first;
  for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
  const rows = [...table.tBodies[0].rows];
  rows.forEach((row, place) => { row.dataset.place ??= place; });
  const made = (row) => Number(row.dataset.place);
  const sum = (row) => row.classList.contains("sum");
  const sign = now === "descending" ? -1 : 1;
  rows.sort((one, two) => {
    // A sum stays where it is, at the end; what was not measured is before it.
    if (sum(one) !== sum(two)) return sum(one) ? 1 : -1;
    if (now === null) return made(one) - made(two);
    const [a, b] = [worth(below(one, column), numeric), worth(below(two, column), numeric)];
    if (a === null || b === null) return a === b ? made(one) - made(two) : a === null ? 1 : -1;
    const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return sign * order || made(one) - made(two);
  });
  table.tBodies[0].append(...rows);
  if (now) head.setAttribute("aria-sort", now);
}

for (const table of document.querySelectorAll(".scroll > table")) {
  // A sum that does not stand at the end is the beginning of something else: that table is no list.
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 2 || rows.slice(0, -1).some((row) => row.classList.contains("sum"))) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sorts";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}

// The map is a picture. What lies in each of its squares stands in the page, and is told of the square pointed at.
const squares = JSON.parse(document.getElementById("squares")?.textContent || "null");

function told(square) {
  if (!square) return "No row lies here.";
  const [, rows, cluster, outcome, quality, prompt] = square;
  const parts = [`${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"} here`];
  if (cluster !== null) parts.push(`most are of ${squares.clusters[cluster]}`);
  parts.push(`most are ${squares.outcomes[outcome]}`);
  if (quality !== null) parts.push(`mean quality ${quality.toFixed(2)}`);
  return `${parts.join("; ")}.${prompt ? ` One of them: “${prompt}”` : ""}`;
}

function pointing(figure) {
  const picture = figure.querySelector("img");
  const frame = document.createElement("div"), spot = document.createElement("div"), says = document.createElement("p");
  frame.className = "pointed";
  spot.className = "spot";
  spot.hidden = true;
  says.className = "spot-says";
  says.setAttribute("role", "status");
  says.textContent = "Point at the map, or choose a square with the arrow keys: here it says what lies there.";
  picture.replaceWith(frame);
  frame.append(picture, spot);
  frame.after(says);
  picture.tabIndex = 0;
  const { across, down } = squares;
  const at = { column: across >> 1, row: down >> 1 };
  const byPlace = new Map(squares.squares.map((square) => [square[0], square]));
  const show = (column, row) => {
    at.column = Math.min(across - 1, Math.max(0, column));
    at.row = Math.min(down - 1, Math.max(0, row));
    spot.hidden = false;
    Object.assign(spot.style, { left: `${at.column / across * 100}%`, top: `${at.row / down * 100}%`, width: `${100 / across}%`, height: `${100 / down}%` });
    says.textContent = told(byPlace.get(at.row * across + at.column));
  };
  frame.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    show(Math.floor((event.clientX - box.left) / box.width * across), Math.floor((event.clientY - box.top) / box.height * down));
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  picture.addEventListener("keydown", (event) => {
    if (!steps[event.key]) return;
    event.preventDefault();
    show(at.column + steps[event.key][0], at.row + steps[event.key][1]);
  });
  picture.addEventListener("focus", () => show(at.column, at.row));
}

if (squares) document.querySelectorAll("figure.map").forEach(pointing);
