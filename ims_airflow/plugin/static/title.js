// What an import is called, where it belongs, and where to read more: the same in both lists.

import { Keyed, el, setText } from "./dom.js";
import { link, runPage, taskPage } from "./links.js";
import { called } from "./words.js";

export function titleOf(root) {
  const name = el("span", { class: "name" });
  const file = el("span", { class: "file" });
  const run = link("run");
  const task = el("span", { class: "task" });
  const links = el("p", { class: "links" });
  const each = new Keyed(links, ([text]) => text, () => {
    const one = link();
    return { element: one.element, update: ([text, address, options]) => one.update(text, address, options) };
  });
  const update = (row) => {
    setText(name, called(row));
    setText(file, row.file ?? "");
    run.update(`${row.main.dagId} · ${row.main.runId}`, runPage(root, row.main));
    const index = row.current.mapIndex >= 0 ? ` [${row.current.mapIndex}]` : "";
    setText(task, `${row.current.taskId}${index}`);
    const log = ["Task log", taskPage(root, row.current), { label: `Log of the task of ${called(row)}` }];
    const consoles = Object.entries(row.links).filter(([, address]) => address);
    each.show([log, ...consoles.map(([text, address]) => [text, address, { elsewhere: true }])]);
  };
  const place = el("span", { class: "place" }, run.element, " · ", task);
  return { element: el("div", { class: "title" }, name, file, place), links, update };
}
