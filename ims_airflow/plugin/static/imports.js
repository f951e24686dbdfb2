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
export const ENDED = ["success", "failed", "upstream_failed", "skipped"];

/**
 * Join tasks to imports, the newest first.
 *
 * A task is {id, dagId, runId, taskId, mapIndex, tryNumber, maxTries, operator, state, start, end, fields, note,
 * check, result, links, unread}: times in milliseconds or null, `fields` the rendered templates, the next four what
 * the task has handed over (XCom `ims_import`, `ims_upload_check`, the return value, its links) or null, `unread` true
 * where Airflow does not hold the values itself.
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
    .filter((row) => row.state !== "checked") // a check alone imports nothing
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
  const begun = [...ACTIVE, "success", "failed"];
  return tasksOf(party).some((task) => begun.includes(task.state) || (task.state === "skipped" && hasRun(task)));
}

/** A task that a branch has passed over was never tried; one that has skipped itself, as by soft_fail, was. */
const hasRun = (task) => task.tryNumber > 0;

function described(party) {
  const tasks = tasksOf(party);
  const note = noteOf(party);
  const reason = writtenReason(party, note);
  const state = stateOf(party, note, reason);
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
    requests: Boolean(party.create),
    phase: running ? phaseOf(party, note) : null,
    step: note.current_task || null,
    fraction: running ? fractionOf(note) : null,
    measured: Date.parse(note.updated_at) || null,
    segments,
    started: starts.length ? Math.min(...starts) : null,
    ended: running || !ends.length ? null : Math.max(...ends),
    jobId: note.job_id || (party.wait && jobOf(party.wait)) || null,
    imageId: note.image_id || null,
    reason: state === "failed" ? reason || guessedReason(party, note) : null,
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

function stateOf(party, note, reason) {
  const tasks = tasksOf(party);
  const some = (...states) => tasks.some((task) => states.includes(task.state));
  if (taskAtWork(tasks)) return "running";
  if (some("failed", "upstream_failed")) return "failed";
  if (some(null)) return "running";
  if (some("skipped") && (reason || note.status === "FAIL")) return "failed";
  if (!party.create && !party.wait) return "checked";
  if (note.status === "SUCCESS") return "done";
  if (some("skipped")) return "skipped";
  if (party.wait) return "done";
  return party.create.unread ? "unread" : "submitted";
}

function phaseOf({ check, create, wait }, note) {
  const job = note.job_id || (wait && jobOf(wait));
  if (!job && check && check.state !== "success") return "check";
  if (!job && [create, wait].some((task) => task?.unread)) return "unread";
  if (!job) return "request";
  if (note.status === "SUCCESS") return "image";
  return !note.status || note.status === "INIT" ? "queue" : "job";
}

function fractionOf(note) {
  const fraction = note.status === "SUCCESS" ? 1 : note.process_percent;
  return typeof fraction === "number" && fraction >= 0 && fraction <= 1 ? fraction : null;
}

/** What a task has told of its failure, also where IMS was never asked for the image. */
function writtenReason({ check }, note) {
  const told = [note.error_code, note.fail_reason].filter(Boolean).join(": ");
  return told || (!note.job_id && check?.check?.fail_reason) || null;
}

/** A task that was killed tells nothing, and what IMS has accepted goes on without it. */
function guessedReason(party, note) {
  const failed = tasksOf(party).find((task) => task.state === "failed");
  const job = note.job_id || (party.wait && jobOf(party.wait));
  if (note.status === "FAIL") return `Job ${job} failed; IMS gave no reason.`;
  if (!failed) return "A task before the import failed.";
  if (failed.operator === CHECK) return "The upload check failed; the task log says why.";
  if (!job) return `${failed.operator === CREATE ? "The request" : "Following the job"} failed; the task log says why.`;
  if (note.status === "SUCCESS") return `Job ${job} was done, but its task failed; the task log says why.`;
  return `Following job ${job} ended; it may go on in the cloud. The task log says why.`;
}
