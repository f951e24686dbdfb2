// Addresses of Airflow's pages, and ways to them out of the frame that Airflow shows this page in.

import { el, setAttribute, setText } from "./dom.js";

export function runPage(root, { dagId, runId }) {
  return new URL(`dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`, root).href;
}

/** The page of a task instance; its first tab is the log. */
export function taskPage(root, task) {
  const mapped = task.mapIndex >= 0 ? `/mapped/${task.mapIndex}` : "";
  const page = new URL(`${runPage(root, task)}/tasks/${encodeURIComponent(task.taskId)}${mapped}`);
  if (task.tryNumber > 0) page.searchParams.set("try_number", task.tryNumber);
  return page.href;
}

/** A link whose text and address may change. An address that is no web page's is not followed. */
export function link(className = "") {
  const element = el("a", { class: className });
  return {
    element,
    update(text, address, { elsewhere = false, label = null } = {}) {
      setText(element, text);
      setAttribute(element, "href", isWebPage(address) ? address : null);
      setAttribute(element, "target", elsewhere ? "_blank" : "_top");
      setAttribute(element, "rel", elsewhere ? "noopener noreferrer" : null);
      setAttribute(element, "aria-label", label);
    },
  };
}

/**
 * Let links lead out of the frame.
 *
 * Airflow's frame forbids its page to navigate the window or to open another one. A link that stands in Airflow's own
 * document may do both, so it is clicked there.
 */
export function leaveFrame() {
  if (window.parent === window) return;
  const follow = (event) => {
    const anchor = event.target.closest("a[href]");
    if (!anchor || (event.type === "auxclick" && event.button !== 1)) return;
    event.preventDefault();
    const outside = window.parent.document.createElement("a");
    outside.href = anchor.href;
    outside.rel = anchor.rel;
    const another = event.type === "auxclick" || event.ctrlKey || event.metaKey || event.shiftKey;
    outside.target = another ? "_blank" : anchor.target;
    outside.click();
  };
  document.addEventListener("click", follow);
  document.addEventListener("auxclick", follow);
}

function isWebPage(address) {
  return URL.canParse(address ?? "") && ["http:", "https:"].includes(new URL(address).protocol);
}
