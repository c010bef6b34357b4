"use strict";
// Everything that a run says is put in place as text (textContent, setAttribute), never as markup.
const { made, runs } = JSON.parse(document.getElementById("data").textContent);
const MOST = 5;
const chosen = [];
const sorting = { key: "started", down: true };
const byId = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "polyline", "line", "text", "title"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, key === "href" ? value : visible(value));
  node.append(...children.filter((child) => child !== null).map(visible));
  return node;
}

// What has no shape of its own, or turns the letters round ("exe.png" for "gnp.exe"), is shown by its number.
const SHAPELESS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const asNumber = (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0");
const visible = (text) => (typeof text === "string" ? text.replace(SHAPELESS, asNumber) : text);

// --- numbers as people read them
const round = (value) => (value === null || value === undefined ? "-" : String(Number(value.toPrecision(4))));
const dollars = (usd) => (usd >= 0.1 || usd === 0 ? "$" + usd.toFixed(2) : "$" + usd.toFixed(4));
function duration(seconds) {
  if (!seconds) return "-";
  const h = Math.floor(seconds / 3600), m = Math.floor((seconds % 3600) / 60), s = Math.floor(seconds % 60);
  return h ? `${h} h ${String(m).padStart(2, "0")} min` : m ? `${m} min ${String(s).padStart(2, "0")} s` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}
const cost = (run) => (run.usd === null ? "-" : (run.pretended ? "would be " : "") + dollars(run.usd));

// --- the table
const COLUMNS = [
  { key: "name", title: "run", cell: (run) => make("td", { class: "name", title: run.name }, reportOf(run), run.note ? make("small", {}, run.note) : null) },
  { key: "what", title: "job", cell: (run) => make("td", { class: "name", title: run.what }, run.what) },
  { key: "state", title: "state", cell: (run) => make("td", { class: run.state }, run.state) },
  { key: "score", title: "score", number: true, cell: (run) => make("td", { class: isBest(run) ? "number best" : "number", title: isBest(run) ? "the best of this job" : "" }, run.score === null ? "-" : `${round(run.score)} ${run.metric}`) },
  { key: null, title: "curve", cell: (run) => make("td", {}, spark(run)) },
  { key: "seconds", title: "time", number: true, cell: (run) => make("td", { class: "number" }, duration(run.seconds)) },
  { key: "usd", title: "cost", number: true, cell: (run) => make("td", { class: "number" }, cost(run)) },
  { key: "started", title: "started", cell: (run) => make("td", {}, run.started.replace("T", " ").slice(0, 16)) },
];
const reportOf = (run) => (run.report ? make("a", { href: run.report }, run.name) : run.name);
const bests = new Map();
for (const run of runs) {
  const key = run.what + "\n" + run.metric, best = bests.get(key);
  if (run.score !== null && (!best || (run.higher_is_better ? run.score > best.score : run.score < best.score))) bests.set(key, run);
}
const isBest = (run) => bests.get(run.what + "\n" + run.metric) === run;

// The score's curve over the epochs where there is one, else the loss.
function told(run) {
  const names = Object.keys(run.curves);
  return [`valid_${run.metric}`, "valid_loss", "loss"].find((name) => names.includes(name)) || names[0];
}

function spark(run) {
  const name = told(run), points = name ? run.curves[name] : [];
  if (points.length < 2) return document.createTextNode("-");
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[2]);
  const x = scale(Math.min(...xs), Math.max(...xs), 1, 119), y = scale(Math.min(...ys), Math.max(...ys), 24, 2);
  return make("svg", { class: "spark", viewBox: "0 0 120 26", role: "img", "aria-label": name },
    make("title", {}, `${name}: ${round(ys[0])} to ${round(ys[ys.length - 1])}`),
    make("polyline", { points: points.map((p) => `${x(p[0]).toFixed(1)},${y(p[2]).toFixed(1)}`).join(" ") }));
}

const scale = (low, high, start, end) => (value) => start + ((value - low) / (high - low || 1)) * (end - start);

// What the filter looks through; settings as name=value.
const texts = new Map(runs.map((run) => [run, [run.name, run.what, run.state, run.note, run.instance_type, run.started, ...Object.entries(run.settings).map(([key, value]) => `${key}=${value}`)].join("\n").toLowerCase()]));

function shown() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const job = byId("job").value, state = byId("state").value;
  const found = runs.filter((run) => (!job || run.what === job) && (!state || run.state === state) && words.every((word) => texts.get(run).includes(word)));
  const { key, down } = sorting;
  return found.sort((a, b) => {
    if (a[key] === null || b[key] === null) return (a[key] === null) - (b[key] === null);
    const order = a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0;
    return down ? -order : order;
  });
}

function drawHead() {
  const row = make("tr", {}, make("th", {}, make("span", { class: "unseen" }, "compare")));
  for (const { key, title, number } of COLUMNS) {
    const head = make("th", { scope: "col", class: number ? "number" : "" });
    if (key === null) head.append(title);
    else {
      const button = make("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        sorting.down = sorting.key === key ? !sorting.down : Boolean(number) || key === "started";
        sorting.key = key;
        drawTable();
      });
      head.append(button);
      if (sorting.key === key) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    }
    row.append(head);
  }
  document.querySelector("#runs thead").replaceChildren(row);
}

function drawTable() {
  drawHead();
  const found = shown();
  document.querySelector("#runs tbody").replaceChildren(...found.map(drawRow));
  byId("found").textContent = `${found.length} of ${runs.length} runs. A name leads to its report; mark 2 to ${MOST} to see them side by side.`;
}

// A row is made once: a filter and another order only put rows elsewhere.
const rows = new Map();

function drawRow(run) {
  const row = rows.get(run) || makeRow(run);
  rows.set(run, row);
  const box = row.querySelector("input");
  box.checked = chosen.includes(run);
  box.disabled = !box.checked && chosen.length >= MOST;
  return row;
}

function makeRow(run) {
  const box = make("input", { type: "checkbox", "aria-label": `compare ${run.name}` });
  box.addEventListener("change", () => {
    if (box.checked) chosen.push(run);
    else chosen.splice(chosen.indexOf(run), 1);
    drawTable();
    compare();
  });
  return make("tr", {}, make("td", {}, box), ...COLUMNS.map((column) => column.cell(run)));
}

// --- side by side
function compare() {
  byId("marked").hidden = !chosen.length;
  byId("count").textContent = chosen.length < 2 ? "1 marked: one more to compare" : `${chosen.length} marked`;
  byId("show").hidden = byId("compared").hidden = chosen.length < 2;
  if (chosen.length < 2) return;
  const names = [...new Set(chosen.flatMap((run) => Object.keys(run.curves)))];
  const before = byId("curve").value;
  byId("curve").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  byId("curve").value = names.includes(before) ? before : told(chosen[0]) || names[0] || "";
  drawOverlay();
  byId("differences").replaceChildren(differences());
}

function drawOverlay() {
  const name = byId("curve").value, along = Number(byId("axis").value);
  const series = chosen.map((run) => (run.curves[name] || []).map((p) => [p[along], p[2]]));
  byId("overlay").replaceChildren(legend(), series.some((points) => points.length) ? plot(series, name, along) : make("p", { class: "muted" }, "None of them has a curve."));
}

const legend = (values = []) => make("div", { class: "legend" }, ...chosen.map((run, i) => make("span", {}, make("i", { class: `c${i}` }), run.name, values[i] === undefined ? "" : `: ${values[i]}`)));

function ticks(low, high) {
  const raw = (high - low) / 5 || 1, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * size).find((s) => s >= raw);
  const every = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) every.push(i * step);
  return every;
}

function plot(series, name, along) {
  const [width, height, left, bottom] = [720, 300, 70, 44];
  const all = series.flat(), xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const [lowX, highX, lowY, highY] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const x = scale(lowX, highX, left, width - 14), y = scale(lowY, highY, height - bottom, 12);
  const svg = make("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name} of ${series.length} runs` });
  for (const v of ticks(lowY, highY)) svg.append(make("line", { class: "grid", x1: left, x2: width - 14, y1: y(v), y2: y(v) }), make("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, round(v)));
  for (const v of ticks(lowX, highX)) svg.append(make("text", { x: x(v), y: height - bottom + 18, "text-anchor": x(v) > width - 60 ? "end" : "middle" }, along ? duration(v) : round(v)));
  svg.append(make("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, along ? "time since the run began" : "step"));
  series.forEach((points, i) => svg.append(make("polyline", { class: `c${i}`, style: "background:none", points: points.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" ") })));
  hover(svg, series, x, along, [lowX, highX, left, width, height - bottom]);
  return svg;
}

// Values under the pointer, in the legend.
function hover(svg, series, x, along, [low, high, left, width, foot]) {
  const at = make("line", { class: "at", y1: 12, y2: foot, visibility: "hidden" });
  svg.append(at);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const inside = ((event.clientX - box.left) / box.width) * width;
    const value = low + ((inside - left) / (width - 14 - left)) * (high - low);
    const nearest = series.map((points) => points.reduce((best, p) => (best && Math.abs(best[0] - value) <= Math.abs(p[0] - value) ? best : p), null));
    at.setAttribute("x1", x(Math.min(high, Math.max(low, value))));
    at.setAttribute("x2", at.getAttribute("x1"));
    at.setAttribute("visibility", "visible");
    svg.previousSibling.replaceWith(legend(nearest.map((p) => (p ? `${round(p[1])} at ${along ? duration(p[0]) : "step " + round(p[0])}` : "-"))));
  });
}

function differences() {
  const rows = [["score", (run) => (run.score === null ? "-" : `${round(run.score)} ${run.metric}`)], ["state", (run) => run.state], ["job", (run) => run.what], ["time", (run) => duration(run.seconds)], ["cost", cost], ["samples/s", (run) => round(run.samples_per_s)], ["machine", (run) => run.instance_type || "-"], ["note", (run) => run.note || "-"]];
  for (const key of new Set(chosen.flatMap((run) => Object.keys(run.scores)))) rows.push([`test ${key}`, (run) => round(run.scores[key])]);
  const settings = [...new Set(chosen.flatMap((run) => Object.keys(run.settings)))];
  const differ = settings.filter((key) => new Set(chosen.map((run) => run.settings[key])).size > 1);
  for (const key of differ) rows.push([key, (run) => (key in run.settings ? run.settings[key] : "-")]);
  const head = make("thead", {}, make("tr", {}, make("th", {}), ...chosen.map((run, i) => make("th", { scope: "col" }, make("span", { class: "legend" }, make("span", {}, make("i", { class: `c${i}` }), run.name))))));
  const body = make("tbody", {}, ...rows.map(([title, text]) => make("tr", {}, make("th", { scope: "row" }, title), ...chosen.map((run) => make("td", { class: "long" }, text(run))))));
  const said = differ.length ? `${differ.length} settings differ` : "no setting differs";
  return make("table", {}, make("caption", { class: "muted" }, said), head, body);
}

// --- money, by month
function money() {
  const months = new Map();
  for (const run of runs) {
    if (run.usd === null) continue;
    const key = `${run.started.slice(0, 7)}${run.pretended ? " (rehearsed: would be)" : ""}`;
    const month = months.get(key) || { usd: 0, runs: 0, seconds: 0 };
    months.set(key, { usd: month.usd + run.usd, runs: month.runs + 1, seconds: month.seconds + run.seconds });
  }
  if (!months.size) return make("p", { class: "muted" }, "No run has cost anything: all ran on this computer.");
  const most = Math.max(...[...months.values()].map((month) => month.usd));
  const rows = [...months].sort().reverse().map(([name, month]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "number" }, dollars(month.usd)), make("td", {}, make("meter", { min: 0, max: most || 1, value: month.usd })), make("td", { class: "number" }, String(month.runs)), make("td", { class: "number" }, duration(month.seconds))));
  const head = make("tr", {}, ...["month", "cost", "", "runs", "time"].map((title) => make("th", { scope: "col", class: ["cost", "runs", "time"].includes(title) ? "number" : "" }, title)));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function drawTiles() {
  const real = runs.filter((run) => run.usd !== null && !run.pretended), sum = (of) => of.reduce((total, run) => total + run.usd, 0);
  const month = made.slice(0, 7), hours = runs.reduce((total, run) => total + run.seconds, 0);
  const tiles = [[runs.length, runs.length === 1 ? "run" : "runs"], [runs.filter((run) => run.state === "failed").length, "failed"], [hours >= 36000 ? `${Math.round(hours / 3600)} h` : duration(hours), "of running"], [dollars(sum(real.filter((run) => run.started.startsWith(month)))), "this month"], [dollars(sum(real)), "in all"]];
  byId("tiles").replaceChildren(...tiles.map(([value, label]) => make("div", { class: "tile" }, make("b", {}, String(value)), make("span", {}, label))));
}

function fill(id, key) {
  const values = [...new Set(runs.map((run) => run[key]))].sort();
  byId(id).replaceChildren(make("option", { value: "" }, "all"), ...values.map((value) => make("option", { value }, value)));
  byId(id).addEventListener("change", drawTable);
}

byId("made").textContent = `as of ${made}`;
fill("job", "what");
fill("state", "state");
byId("filter").addEventListener("input", drawTable);
byId("curve").addEventListener("change", drawOverlay);
byId("axis").addEventListener("change", drawOverlay);
byId("show").addEventListener("click", (event) => { event.preventDefault(); byId("compared").scrollIntoView(); });
byId("clear").addEventListener("click", () => { chosen.length = 0; drawTable(); compare(); });
byId("money").replaceChildren(money());
drawTiles();
// dashboard.html#RUN,RUN opens with these side by side.
for (const name of decodeURIComponent(location.hash.slice(1)).split(",")) {
  const run = runs.find((one) => one.name === name);
  if (run && chosen.length < MOST && !chosen.includes(run)) chosen.push(run);
}
drawTable();
compare();
