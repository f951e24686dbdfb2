// The imports that have ended: how, after how long, and why.

import { Keyed, el, setAttribute, setText } from "./dom.js";
import { elapsedOf, lengthOf } from "./phases.js";
import { titleOf } from "./title.js";
import { OUTCOMES, PHASE_NAMES, duration, moment } from "./words.js";

export class History {
  #rows;
  constructor(container, root) {
    this.#rows = new Keyed(container, (row) => row.key, () => rowElement(root));
  }

  show(rows, now, zone) {
    this.#rows.show(rows, now, zone);
  }
}

function rowElement(root) {
  const title = titleOf(root);
  const badge = el("span", { class: "badge" });
  const ended = el("time");
  const took = el("span", { class: "took" });
  const parts = el("ul", { class: "parts" });
  const each = new Keyed(parts, (part) => part.phase, partElement);
  const told = el("p", { class: "told" });
  const element = el(
    "tr",
    { role: "row" },
    cell("Outcome", badge),
    cell("Image", title.element),
    cell("Ended", ended),
    cell("Duration", took, parts),
    cell("What came of it", told, title.links),
  );
  const update = (row, now, zone) => {
    title.update(row);
    setText(badge, OUTCOMES[row.state]);
    setAttribute(badge, "class", `badge ${row.state}`);
    setText(ended, moment(row.ended, zone, now));
    setAttribute(ended, "datetime", row.ended === null ? null : new Date(row.ended).toISOString());
    setText(took, duration(elapsedOf(row, now)));
    each.show(row.segments, now);
    setText(told, outcome(row));
  };
  return { element, update };
}

function partElement() {
  const element = el("li");
  const update = (part, now) => setText(element, `${PHASE_NAMES[part.phase]} ${duration(lengthOf(part, now))}`);
  return { element, update };
}

function cell(label, ...children) {
  return el("td", { role: "cell", "data-label": label }, ...children);
}

function skipped({ jobId }) {
  return jobId ? "No task follows the job any more; it may go on in the cloud." : "IMS was not asked for an image.";
}

function outcome(row) {
  if (row.state === "failed") return row.reason;
  if (row.state === "submitted") return "IMS has taken the request; no task follows the job.";
  if (row.state === "skipped") return skipped(row);
  if (row.state === "unread") return "The task succeeded; what came of it cannot be read here.";
  const polls = row.polls === null ? null : `${row.polls} polls`;
  const trouble = row.trouble === null ? null : `${duration(row.trouble)} of trouble`;
  return [row.imageId, polls, trouble].filter(Boolean).join(", ");
}
