// Asks what is served, and shows the part of the page that goes with it. All text from outside becomes text, never HTML.
import { ask } from "./dom.js";
import { showUnits } from "./units.js";
import { showDrawing } from "./draw.js";
import { showNumbers } from "./numbers.js";

const PARTS = { forecast: showUnits, images: showDrawing, arrays: showNumbers };

function purpose(model) {
  const kept = model.preparation;
  if (model.kind === "forecast") {
    const unit = kept.columns.time_unit;
    const within = new Intl.ListFormat("en", { type: "disjunction" }).format((kept.horizons ?? [kept.horizon]).map(String));
    return `Failure within ${within} ${unit}; remaining life up to ${kept.cap} ${unit}.`;
  }
  return model.classes.length ? `Tells ${model.classes.length} classes apart.` : `Answers with the net's own outputs.`;
}

const model = await ask("/model");
document.title = `${model.name}: Gluon Rig`;
document.getElementById("name").textContent = model.name;
document.getElementById("purpose").textContent = `${model.job}. ${purpose(model)}`;
document.getElementById("card").textContent = model.card;
PARTS[model.kind](model, document.getElementById("work"));
