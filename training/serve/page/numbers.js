// A field for numbers, as the net takes them.
import { ask, make } from "./dom.js";

export function showNumbers(model, place) {
  const example = JSON.stringify({ inputs: [zeros(model.input_shape)] });
  const field = make("textarea", { "aria-label": "inputs", spellcheck: "false" });
  field.value = example.length < 5000 ? example : '{"inputs": [[...]]}';
  const button = make("button", { class: "send", type: "button" }, "Ask");
  const answer = make("pre", { "aria-live": "polite" });
  button.addEventListener("click", async () => {
    const options = { method: "POST", body: field.value, headers: { "content-type": "application/json" } };
    answer.textContent = JSON.stringify(await ask("/predict", options), null, 2);
  });
  place.append(make("section", {}, make("h2", {}, `Numbers: lists of ${model.input_shape.join(" x ")}`), field, button, answer));
}

function zeros([size, ...rest]) {
  return Array.from({ length: size ?? 0 }, () => (rest.length ? zeros(rest) : 0));
}
