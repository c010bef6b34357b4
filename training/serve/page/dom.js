// The little that every part of the page needs.

const SVG = "http://www.w3.org/2000/svg";

export function make(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// The answer as JSON. What went wrong stands at the top of the page, and goes when the server answers again.
export async function ask(path, options = {}) {
  try {
    const response = await fetch(new URL(path, location.origin), options);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail.map((one) => one.msg).join("; "));
    trouble("");
    return answer;
  } catch (error) {
    trouble(error instanceof TypeError ? "The server does not answer. Is it still running?" : error.message);
    throw error;
  }
}

function trouble(text) {
  const place = document.getElementById("trouble");
  place.textContent = text;
  place.hidden = !text;
}

export const percent = (share) => (share === null ? "–" : share >= 0.995 || share < 0.0005
  ? `${Math.round(100 * share)} %` : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);

// Points of a curve through *values* (null: a gap), from left to right, *top* at the top of the box.
export function path(values, { width, height, low, high }) {
  let pen = "M";
  return values.map((value, place) => {
    if (value === null) { pen = "M"; return ""; }
    const x = (width * place) / Math.max(1, values.length - 1);
    const y = height * (1 - (value - low) / (high - low || 1));
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}

export function trend(values, { low, high, alarm = false }) {
  const box = { width: 100, height: 24, low, high };
  const curve = make("svg:path", { class: alarm ? "curve alarm" : "curve", d: path(values, box) });
  return make("svg:svg", { class: "trend", viewBox: "0 -2 100 28", preserveAspectRatio: "none", "aria-hidden": "true" }, curve);
}
