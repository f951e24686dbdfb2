// The imports that are under way: where each one stands, and how long it may still take.

import { Keyed, el, setAttribute, setText } from "./dom.js";
import { elapsedOf, remainingOf } from "./phases.js";
import { titleOf } from "./title.js";
import { called, duration, percent, remaining, step, taskState } from "./words.js";

const STEPS = [
  ["check", "Upload check"],
  ["request", "Request"],
  ["queue", "Queue"],
  ["job", "Job"],
  ["image", "Image"],
];

export class Running {
  #rows;
  constructor(container, root) {
    this.#rows = new Keyed(container, (row) => row.key, () => rowElement(root));
  }

  show(rows, now) {
    this.#rows.show(rows, now);
  }
}

function rowElement(root) {
  const title = titleOf(root);
  const amount = el("span", { class: "amount" });
  const fill = el("div", { class: "fill" });
  const bar = el("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const steps = STEPS.map(([, name]) => el("li", {}, name));
  const words = el("span", { class: "words" });
  const times = el("span", { class: "times" });
  const element = el(
    "li",
    { class: "import" },
    el("div", { class: "head" }, title.element, amount),
    bar,
    el("p", { class: "state" }, words, times),
    el("div", { class: "foot" }, el("ol", { class: "steps" }, ...steps), title.links),
  );
  const update = (row, now) => {
    title.update(row);
    setText(amount, percent(row.fraction));
    setText(words, [step(row), taskState(row.current)].filter(Boolean).join(" – "));
    const left = remaining(remainingOf(row, now));
    setText(times, [duration(elapsedOf(row, now)), left].filter(Boolean).join(", "));
    updateBar(bar, fill, row, words.textContent, left);
    updateSteps(steps, row);
  };
  return { element, update };
}

function updateBar(bar, fill, row, words, left) {
  const known = row.fraction !== null;
  setAttribute(bar, "aria-label", `Progress of ${row.name ?? row.file ?? called(row)}`);
  setAttribute(bar, "aria-valuenow", known ? Math.floor(row.fraction * 100) : null);
  setAttribute(bar, "aria-valuetext", [percent(row.fraction), words, left].filter(Boolean).join(", "));
  bar.classList.toggle("unknown", !known);
  fill.style.setProperty("width", known ? `${row.fraction * 100}%` : "100%");
}

function updateSteps(steps, { phase, checks }) {
  const current = STEPS.findIndex(([name]) => name === phase);
  steps[0].hidden = !checks; // without a check, none was passed
  steps.forEach((element, index) => {
    setAttribute(element, "class", index < current ? "past" : index === current ? "present" : "future");
    setAttribute(element, "aria-current", index === current ? "step" : null);
  });
}
