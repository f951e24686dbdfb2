// Upload check, queue and job of each import as bars above one axis.

import { Keyed, el, setAttribute, setText } from "./dom.js";
import { elapsedOf, lengthOf } from "./phases.js";
import { PHASE_NAMES, called, duration, moment } from "./words.js";

const SHOWN = 12;
const TICKS = 4;
const MINUTES = [1, 2, 3, 4, 5, 10, 15, 20, 30].map((minutes) => 60 * minutes);
const HOURS = [1, 2, 3, 4, 6, 12, 24].map((hours) => 3600 * hours);
const STEPS = [1, 2, 5, 10, 15, 20, 30, ...MINUTES, ...HOURS]; // seconds between two ticks
const NARROWEST = 0.08; // of the axis; where a typical import is less, a clock shows little

export class Timeline {
  #ticks;
  #rows;
  #chosen = null;

  /** @param buttons two of them, by the names of the axes: "clock" and "start". */
  constructor(container, axis, buttons) {
    this.buttons = buttons;
    this.#ticks = new Keyed(axis, (tick) => tick.index, tickElement);
    this.#rows = new Keyed(container, (row) => row.key, rowElement);
    for (const [name, button] of Object.entries(buttons)) {
      button.addEventListener("click", () => {
        this.#chosen = name;
        this.show(...this.shown);
      });
    }
  }

  show(all, now, zone) {
    this.shown = [all, now, zone];
    const rows = all.filter((row) => row.segments.length).slice(0, SHOWN);
    const kind = this.#chosen ?? fitting(rows, now);
    for (const [name, button] of Object.entries(this.buttons)) setAttribute(button, "aria-pressed", name === kind);
    const axis = kind === "clock" ? clockAxis(rows, now, zone) : startAxis(rows, now);
    this.#ticks.show(Array.from({ length: TICKS + 1 }, (_, index) => ({ index, text: axis.label(index / TICKS) })));
    this.#rows.show(rows, axis, now, zone);
  }
}

function fitting(rows, now) {
  const { span } = clockAxis(rows, now);
  const lengths = rows.map((row) => extent(row, now)).map(([from, to]) => to - from).sort((a, b) => a - b);
  return rows.length && lengths[lengths.length >> 1] < NARROWEST * span ? "start" : "clock";
}

function extent(row, now) {
  const from = Math.min(...row.segments.map((segment) => segment.from));
  return [from, Math.max(...row.segments.map((segment) => segment.to ?? now))];
}

function clockAxis(rows, now, zone) {
  const from = Math.min(now, ...rows.map((row) => extent(row, now)[0]));
  const span = Math.max(1000, ...rows.map((row) => extent(row, now)[1] - from));
  return { span, fromOf: () => from, label: (part) => moment(from + part * span, zone, now) };
}

function startAxis(rows, now) {
  const longest = Math.max(1000, ...rows.map((row) => extent(row, now)).map(([from, to]) => to - from));
  const step = STEPS.find((seconds) => seconds * TICKS * 1000 >= longest);
  const span = step ? step * TICKS * 1000 : longest; // round numbers below the bars
  return { span, fromOf: (row) => extent(row, now)[0], label: (part) => round(duration((part * span) / 1000)) };
}

const round = (text) => text.replace(/ 0 (s|min|h)$/, "");

function tickElement() {
  const element = el("span");
  return { element, update: (tick) => setText(element, tick.text) };
}

function rowElement() {
  const name = el("span", { class: "name" });
  const track = el("div", { class: "track", role: "img" });
  const total = el("span", { class: "took" });
  const segments = new Keyed(track, (segment) => segment.phase, segmentElement);
  const update = (row, axis, now, zone) => {
    const words = row.name ?? row.file ?? called(row);
    setText(name, words);
    setAttribute(name, "title", words);
    setText(total, duration(elapsedOf(row, now)));
    segments.show(row.segments, axis.fromOf(row), axis.span, now, zone);
    setAttribute(track, "aria-label", `${words}: ${row.segments.map((segment) => told(segment, now)).join(", ")}`);
  };
  return { element: el("li", { class: "line" }, name, track, total), update };
}

function segmentElement() {
  const element = el("div");
  const update = (segment, from, span, now, zone) => {
    const to = segment.to ?? now;
    setAttribute(element, "class", `segment ${segment.phase}${segment.to === null ? " open" : ""}`);
    element.style.setProperty("left", `${(100 * (segment.from - from)) / span}%`);
    element.style.setProperty("width", `${(100 * (to - segment.from)) / span}%`);
    const until = segment.to === null ? "goes on" : `to ${moment(to, zone, now)}`;
    setAttribute(element, "title", `${told(segment, now)} (${moment(segment.from, zone, now)} ${until})`);
  };
  return { element, update };
}

function told(segment, now) {
  return `${PHASE_NAMES[segment.phase]} ${duration(lengthOf(segment, now))}`;
}
