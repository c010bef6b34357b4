// A field to draw in, and a picture from a file: both become a PNG of just the size that the net takes.
import { ask, make, percent } from "./dom.js";

const FIELD = 336;
const PEN = 0.085;

export function showDrawing(model, place) {
  const [channels, height, width] = model.pixels.shape;
  const field = make("canvas", { width: FIELD, height: FIELD, "aria-label": "draw here" });
  const clear = make("button", { type: "button" }, "Clear");
  const file = make("input", { type: "file", accept: "image/*", id: "file" });
  const bars = make("div", { "aria-live": "polite" });
  const small = make("canvas", { width, height });
  const seen = make("div", { class: "muted" }, "What the net sees: ", small);
  small.style.cssText = "width:56px;border-radius:6px;image-rendering:pixelated;display:inline-block;vertical-align:middle";
  const hint = channels === 1 ? "Draw one large figure, or open a picture." : "Open a picture; it is scaled to the net's size.";
  place.append(make("div", { class: "draw" },
    make("section", {}, field, make("div", { class: "buttons" }, clear, make("label", { for: "file" }, "Open a picture", file))),
    make("section", {}, make("h2", {}, "What the net says"), make("p", { class: "muted" }, hint), bars, seen)));
  const longest = Math.max(...model.classes.map((name) => name.length));
  bars.style.setProperty("--name", `${Math.min(9, 0.8 + 0.55 * longest)}rem`);
  showBars(bars, model.classes, null);
  const context = field.getContext("2d", { willReadFrequently: true });
  const pen = penOn(field, context, () => send(scaled(field, small, channels === 1)));

  clear.addEventListener("click", () => {
    pen.clear();
    small.getContext("2d").clearRect(0, 0, width, height);
    showBars(bars, model.classes, null);
  });
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const picture = await createImageBitmap(file.files[0]);
    pen.clear();
    context.drawImage(picture, 0, 0, FIELD, FIELD);
    send(scaled(field, small, false));
    file.value = "";
  });

  async function send(canvas) {
    const body = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const answer = await ask("/predict", { method: "POST", body, headers: { "content-type": "image/png" } });
    showBars(bars, model.classes, answer);
  }
}

function penOn(field, context, done) {
  let down = false;
  let waiting = 0;
  const at = (event) => {
    const box = field.getBoundingClientRect();
    return [((event.clientX - box.left) * FIELD) / box.width, ((event.clientY - box.top) * FIELD) / box.height];
  };
  const clear = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, FIELD, FIELD);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: FIELD * PEN, lineCap: "round", lineJoin: "round" });
  };
  field.addEventListener("pointerdown", (event) => {
    down = true;
    context.beginPath();
    context.moveTo(...at(event));
    context.lineTo(...at(event));
    context.stroke();
  });
  window.addEventListener("pointermove", (event) => {
    if (!down) return;
    context.lineTo(...at(event));
    context.stroke();
    if (!waiting) waiting = setTimeout(() => { waiting = 0; done(); }, 120);
  });
  const end = () => { if (down) { down = false; done(); } };
  window.addEventListener("pointerup", end);
  window.addEventListener("pointercancel", end);
  clear();
  return { clear };
}

// As MNIST was made: the figure in a box of 20 of 28 pixels, its centre of mass in the middle.
// http://yann.lecun.com/exdb/mnist/
function scaled(field, small, centred) {
  const to = small.getContext("2d");
  to.imageSmoothingQuality = "high";
  to.fillStyle = "#000";
  to.fillRect(0, 0, small.width, small.height);
  const box = centred ? ink(field) : null;
  if (!box) {
    to.drawImage(halved(field, 0, 0, FIELD, FIELD, small.width), 0, 0, small.width, small.height);
    return small;
  }
  const size = Math.max(box.width, box.height);
  const scale = (small.width * 20) / 28 / size;
  const [width, height] = [box.width * scale, box.height * scale];
  const figure = halved(field, box.left, box.top, box.width, box.height, Math.max(width, height));
  const left = small.width / 2 - (box.middleX - box.left) * scale;
  const top = small.height / 2 - (box.middleY - box.top) * scale;
  to.drawImage(figure, left, top, width, height);
  return small;
}

// Browsers scale by two neighbours: a step of more than a half would lose thin lines.
function halved(source, left, top, width, height, size) {
  let canvas = make("canvas", { width: Math.ceil(width), height: Math.ceil(height) });
  canvas.getContext("2d").drawImage(source, left, top, width, height, 0, 0, canvas.width, canvas.height);
  while (Math.max(canvas.width, canvas.height) > 2 * size) {
    const next = make("canvas", { width: Math.ceil(canvas.width / 2), height: Math.ceil(canvas.height / 2) });
    const context = next.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas, 0, 0, next.width, next.height);
    canvas = next;
  }
  return canvas;
}

// The box around what was drawn, and its centre of mass; null where nothing was.
function ink(field) {
  const { data } = field.getContext("2d").getImageData(0, 0, FIELD, FIELD);
  let [left, top, right, bottom, mass, sumX, sumY] = [FIELD, FIELD, -1, -1, 0, 0, 0];
  for (let y = 0; y < FIELD; y += 1) {
    for (let x = 0; x < FIELD; x += 1) {
      const light = data[4 * (y * FIELD + x)];
      if (light < 16) continue;
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
      mass += light;
      sumX += light * x;
      sumY += light * y;
    }
  }
  if (!mass) return null;
  return { left, top, width: right - left + 1, height: bottom - top + 1, middleX: sumX / mass, middleY: sumY / mass };
}

export function showBars(place, classes, answer) {
  place.replaceChildren(...classes.map((name) => {
    const share = answer ? answer.probabilities[name] : 0;
    const bar = make("i");
    bar.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
    const first = answer && name === answer.class;
    return make("div", { class: first ? "bar first" : "bar" }, make("span", {}, name), bar,
      make("span", { class: "percent" }, answer ? percent(share) : ""));
  }));
}
