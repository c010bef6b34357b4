// Units by risk; of the chosen one the probability as rows arrive, and the channels behind it.
import { ask, make, path, percent, trend } from "./dom.js";

const EVERY_MS = 1000;
const ALARM = 0.5;

export function showUnits(model, place) {
  const list = make("ul", { class: "units" });
  const count = make("h2", {}, "Units");
  const detail = make("section", { "aria-label": "the chosen unit" });
  place.append(make("div", { class: "two" }, make("section", {}, count, list), detail));
  let chosen = "";
  const seen = new Map();

  function choose(name) {
    chosen = name;
    refresh();
  }

  async function refresh() {
    const { count: all, units } = await ask("/units?limit=200");
    count.textContent = all > units.length ? `The ${units.length} of ${all} units most at risk` : `${all} units`;
    if (!all) return detail.replaceChildren(...welcome(model));
    if (!units.some((one) => one.unit === chosen)) chosen = units[0].unit;
    const held = list.contains(document.activeElement) ? document.activeElement.dataset.unit : undefined;
    list.replaceChildren(...units.map((one) => entry(one, one.unit === chosen, choose, model.preparation.columns.time_unit)));
    if (held !== undefined) [...list.querySelectorAll("button")].find((one) => one.dataset.unit === held)?.focus({ preventScroll: true });
    const now = units.find((one) => one.unit === chosen);
    // What it rests on takes a hundred times as long to find out as what it is: asked only where there is news.
    if (seen.get(chosen) !== now.count || detail.dataset.unit !== chosen) {
      const whole = await ask(`/units/${encodeURIComponent(chosen)}`);
      seen.clear();
      seen.set(whole.unit, whole.count);
      detail.dataset.unit = whole.unit;
      detail.replaceChildren(...described(whole, model.preparation));
    }
  }

  async function again() {
    if (!document.hidden) await refresh().catch(() => {});
    setTimeout(again, EVERY_MS);
  }
  again();
}

function welcome(model) {
  const { columns } = model.preparation;
  const names = [columns.time, ...columns.channels, ...columns.conditions];
  const row = Object.fromEntries(names.map((name) => [name, name === columns.time ? 1 : 0]));
  const line = `curl -H 'content-type: application/json' -d '${JSON.stringify({ rows: [row] })}' ${location.origin}/units/NAME`;
  return [make("h2", {}, "No rows have come yet"), make("p", {}, "Send the first ones, with your own values:"), make("pre", {}, line)];
}

function entry(one, current, choose, unit) {
  const alarm = one.probability !== null && one.probability >= ALARM;
  const button = make("button", { "aria-current": String(current), "data-unit": one.unit },
    make("span", {}, make("b", { title: one.unit }, one.unit), make("small", { title: one.time }, shown(one.time, unit))),
    trend(one.trend, { low: 0, high: 1, alarm }),
    make("span", { class: alarm ? "percent alarm" : "percent" }, percent(one.probability)));
  button.addEventListener("click", () => choose(one.unit));
  return make("li", {}, button);
}

function described(unit, kept) {
  const { horizon, cap, columns } = kept;
  const alarm = unit.probability !== null && unit.probability >= ALARM;
  const life = unit.life === null ? "–" : unit.life >= cap ? `${cap} or more` : unit.life.toFixed(0);
  const parts = [
    make("h2", {}, unit.unit),
    make("div", { class: "tiles" },
      tile(percent(unit.probability), `fails within ${horizon} ${columns.time_unit}`, alarm),
      tile(life, `${columns.time_unit} of life left`, false)),
    ...questions(unit, kept),
    chart(unit.history, alarm, columns.time_unit, unit.time),
    ...remarks(unit, kept),
  ];
  if (unit.probability !== null) parts.push(behind(unit.channels));
  return parts;
}

// Of several horizons and parts: each one's probability.
function questions(unit, kept) {
  const told = Object.values(unit.probabilities ?? {});
  if (!told.length) return [];
  const horizons = kept.horizons ?? [kept.horizon];
  const names = ["any failure", ...(kept.parts ?? [])];
  const head = horizons.map((one) => make("th", { class: "right", scope: "col" }, `within ${one} ${kept.columns.time_unit}`));
  const rows = names.map((name, number) => make("tr", {}, make("th", { scope: "row" }, name),
    ...told.slice(number * horizons.length, (number + 1) * horizons.length).map((share) =>
      make("td", { class: share >= ALARM ? "right alarm" : "right" }, percent(share)))));
  return [make("div", { class: "scroll", tabindex: "0" },
    make("table", {}, make("thead", {}, make("tr", {}, make("th"), ...head)), make("tbody", {}, ...rows)))];
}

// 2024-03-24T12:00:00+00:00 as "2024-03-24 12:00"; a number with its unit.
function shown(time, unit) {
  if (/^[\d.]+$/.test(time)) return `${time} ${unit}`;
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:00)?([+]00:00|Z)?$/, "$1 $2");
}

function tile(number, about, alarm) {
  return make("div", {}, make("div", { class: alarm ? "big alarm" : "big" }, number), make("span", { class: "muted" }, about));
}

function remarks(unit, kept) {
  const said = [`${unit.count.toLocaleString("en")} rows so far`];
  if (unit.rows < kept.window) said.push(`${unit.rows} of the ${kept.window} rows that the net looks back`);
  if (unit.missing) said.push(`${unit.missing} channels not measured in the last row`);
  if (unit.outside) said.push(`${unit.outside} channels beyond what training saw`);
  return [make("p", { class: "muted" }, `${said.join("; ")}.`)];
}

function chart(history, alarm, unit, last) {
  const box = { width: 600, height: 150, low: 0, high: 1 };
  const values = history.probability;
  const svg = make("svg:svg", { viewBox: "-42 -8 648 182", role: "img", "aria-label": "probability over the last rows" });
  for (const share of [0, 0.5, 1]) {
    const y = box.height * (1 - share);
    svg.append(make("svg:line", { class: "grid", x1: 0, x2: box.width, y1: y, y2: y }),
      make("svg:text", { class: "tick", x: -6, y: y + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  svg.append(make("svg:path", { class: alarm ? "curve alarm" : "curve", d: path(values, box) }));
  const now = values[values.length - 1];
  if (now !== null) {
    svg.append(make("svg:circle", { class: alarm ? "last alarm" : "last", r: 4, cx: values.length > 1 ? box.width : 0, cy: box.height * (1 - now) }));
  }
  const span = history.times[history.times.length - 1] - history.times[0];
  svg.append(make("svg:text", { class: "tick", x: 0, y: 170 }, span ? `${Number(span.toPrecision(3))} ${unit} earlier` : ""),
    make("svg:text", { class: "tick", x: box.width, y: 170, "text-anchor": "end" }, shown(last, unit)));
  return svg;
}

function signed(number) {
  const digits = Math.abs(number).toFixed(1);
  return digits === "0.0" ? digits : `${number > 0 ? "+" : "−"}${digits}`;
}

function behind(channels) {
  const head = make("tr", {}, make("th", {}, "channel"), make("th", {}, "last rows"),
    make("th", { class: "right" }, "moves it by"), make("th", { class: "right mean" }, "from the mean"));
  const rows = channels.map((one) => {
    const known = one.values.filter((value) => value !== null);
    const box = { low: Math.min(...known), high: Math.max(...known) };
    return make("tr", {}, make("td", {}, one.name), make("td", { class: "spark" }, trend(one.values, box)),
      make("td", { class: "right" }, `${signed(100 * one.moves)} points`),
      make("td", { class: "right mean" }, one.level === null ? "not measured" : `${signed(one.level)} spreads`));
  });
  return make("div", {}, make("h2", {}, "The channels behind it"),
    make("p", { class: "muted" }, "How far the probability would move if the channel stood at its mean."),
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}
