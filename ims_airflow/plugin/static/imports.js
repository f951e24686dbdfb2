// One row per import, out of the tasks that take part in it. Pure: no clock, no network, no document.

import { segmentsOf } from "./phases.js";

export const CREATE = "ImsCreateDataImageOperator";
export const WAIT = "ImsJobSensor";
export const CHECK = "ObsImageFileSensor";
export const OPERATORS = [CREATE, WAIT, CHECK];

// States of a task that has not said its last word; a null state is a task whose turn has not come.
export const ACTIVE = [
  "running",
  "deferred",
  "queued",
  "scheduled",
  "up_for_retry",
  "up_for_reschedule",
  "restarting",
  "awaiting_input",
];
export const ENDED = ["success", "failed", "upstream_failed"];

/**
 * Join tasks to imports, the newest first.
 *
 * A task is {id, dagId, runId, taskId, mapIndex, tryNumber, maxTries, operator, state, start, end, fields, note,
 * check, result, links}: times in milliseconds or null, `fields` the rendered templates, the other four what the
 * task has handed over (XCom `ims_import`, `ims_upload_check`, the return value, its links) or null.
 */
export function importsOf(tasks) {
  const runs = new Map();
  for (const task of tasks) {
    const run = JSON.stringify([task.dagId, task.runId]);
    runs.set(run, [...(runs.get(run) ?? []), task]);
  }
  return [...runs.values()]
    .flatMap(joined)
    .filter(hasBegun)
    .map(described)
    .filter((row) => row.state !== "checked")
    .sort((one, other) => (other.started ?? 0) - (one.started ?? 0));
}

function joined(tasks) {
  const of = (operator) => tasks.filter((task) => task.operator === operator);
  const [creates, waits, checks] = [of(CREATE), of(WAIT), of(CHECK)];
  const parties = creates.map((create) => ({ create }));
  for (const wait of waits) {
    const found = partiesOfWait(wait, parties, waits.length);
    for (const party of found) party.wait = wait;
    if (!found.length && (jobOf(wait) || wait.start)) parties.push({ wait });
  }
  for (const check of checks) {
    const found = partiesOfCheck(check, parties, checks.length);
    for (const party of found) party.check = check;
    if (!found.length) parties.push({ check });
  }
  return parties;
}

function partiesOfWait(wait, parties, waits) {
  const job = jobOf(wait);
  const same = parties.filter((party) => job && party.create && jobOf(party.create) === job);
  if (same.length) return same;
  const free = parties.filter((party) => party.create && !party.wait && !(job && jobOf(party.create)));
  // A mapped task whose turn has not come is a single one, to be expanded.
  if (waits === 1 && (free.length === 1 || wait.state === null)) return free;
  return free.filter((party) => party.create.mapIndex === wait.mapIndex).slice(0, 1);
}

function partiesOfCheck(check, parties, checks) {
  const file = fileOf(check);
  const same = parties.filter((party) => !party.check && file && fileOf(party.create) === file);
  if (same.length) return same;
  const free = parties.filter((party) => party.create && !party.check);
  if (checks === 1) return free; // one file for all of them, or a pattern that matched them
  return free.filter((party) => !fileOf(party.create) && party.create.mapIndex === check.mapIndex);
}

function jobOf(task) {
  return task.note?.job_id || task.fields.job_id || (typeof task.result === "string" ? task.result : null);
}

function fileOf(task) {
  return task?.note?.image_url || task?.check?.image_url || task?.fields.image_url || null;
}

const tasksOf = ({ check, create, wait }) => [check, create, wait].filter(Boolean);

function hasBegun(party) {
  return tasksOf(party).some((task) => ACTIVE.includes(task.state) || ["success", "failed"].includes(task.state));
}

function described(party) {
  const tasks = tasksOf(party);
  const note = noteOf(party);
  const state = stateOf(party, note);
  const running = state === "running";
  const segments = segmentsOf(party, note, running);
  const starts = [...segments.map((segment) => segment.from), ...tasks.map((task) => task.start)].filter(Boolean);
  const ends = tasks.map((task) => task.end).filter(Boolean);
  const main = party.create ?? party.wait ?? party.check;
  return {
    key: JSON.stringify([main.dagId, main.runId, main.taskId, main.mapIndex]),
    state,
    name: note.name || party.create?.fields.name || null,
    file: note.image_url || fileOf(party.create) || fileOf(party.check),
    main,
    tasks,
    current: taskAtWork(tasks) ?? tasks.findLast((task) => task.start) ?? main,
    links: Object.assign({}, ...tasks.map((task) => task.links)),
    checks: Boolean(party.check),
    phase: running ? phaseOf(party, note) : null,
    step: note.current_task || null,
    fraction: running ? fractionOf(note) : null,
    measured: Date.parse(note.updated_at) || null,
    segments,
    started: starts.length ? Math.min(...starts) : null,
    ended: running || !ends.length ? null : Math.max(...ends),
    jobId: note.job_id || (party.wait && jobOf(party.wait)) || null,
    imageId: note.image_id || null,
    reason: state === "failed" ? reasonOf(tasks, note) : null,
    polls: note.polls ?? null,
    trouble: note.trouble_seconds || null,
  };
}

/** What is known of the import itself: the operator knows the request, who follows the job knows the rest. */
function noteOf({ create, wait }) {
  const results = [create, wait].map((task) => task?.result).filter((result) => result && typeof result === "object");
  const notes = [create?.note, wait?.note].filter(Boolean).sort((one, other) => age(one) - age(other));
  const known = [...notes, ...results.map(noteOfResult)].map(withoutUnknown);
  return Object.assign({}, ...known);
}

const age = (note) => Date.parse(note.updated_at) || 0;

function noteOfResult({ job_id, status, image_id, image_name, begin_time, end_time, polls, trouble_seconds, seconds }) {
  return { job_id, status, image_id, name: image_name, begin_time, end_time, polls, trouble_seconds, seconds };
}

function withoutUnknown(note) {
  const known = ([, value]) => value !== null && value !== undefined && value !== "";
  return Object.fromEntries(Object.entries(note).filter(known));
}

function taskAtWork(tasks) {
  return tasks.find((task) => ACTIVE.includes(task.state));
}

function stateOf(party, note) {
  const tasks = tasksOf(party);
  if (taskAtWork(tasks)) return "running";
  if (tasks.some((task) => task.state !== "success" && task.state !== null)) return "failed";
  if (tasks.some((task) => task.state === null)) return "running";
  if (!party.create && !party.wait) return "checked"; // a check alone imports nothing
  return note.status === "SUCCESS" || party.wait ? "done" : "submitted";
}

function phaseOf({ check, create, wait }, note) {
  const job = note.job_id || (wait && jobOf(wait));
  if (!job && check && check.state !== "success") return "check";
  if (!job) return "request";
  if (note.status === "SUCCESS") return "image";
  return !note.status || note.status === "INIT" ? "queue" : "job";
}

function fractionOf(note) {
  const fraction = note.status === "SUCCESS" ? 1 : note.process_percent;
  return typeof fraction === "number" && fraction >= 0 && fraction <= 1 ? fraction : null;
}

function reasonOf(tasks, note) {
  const words = [note.error_code, note.fail_reason].filter(Boolean).join(": ");
  if (words) return words;
  const failed = tasks.find((task) => task.state === "failed");
  if (!failed) return "A task before the import failed.";
  const what = { [CHECK]: "The upload check", [CREATE]: "The request", [WAIT]: "Following the job" };
  return `${what[failed.operator]} failed; the task log says why.`;
}
