// Where the time of an import goes: upload check, queue, job. Pure.

export const PHASES = ["check", "queue", "job"];

/** The stretches of one import that are known, in milliseconds; `to` is null for one that goes on. */
export function segmentsOf({ check, create, wait }, note, running) {
  const last = Math.max(0, create?.end ?? 0, wait?.end ?? 0) || null;
  const end = running ? null : last;
  const checked = check && stretch("check", time(check.check?.started_at) ?? check.start, endOfCheck(check));
  const submitted = time(note.submitted_at);
  const begun = endOfQueue(note, submitted);
  const queued = submitted && begun !== submitted && stretch("queue", submitted, begun ?? end);
  const job = begun && stretch("job", begun, time(note.end_time) ?? end);
  return [checked, queued, job].filter(Boolean).map((segment) => ({ ...segment, seconds: measured(segment, note) }));
}

/** Seconds of a stretch, up to now for one that goes on. */
export function lengthOf(segment, now) {
  return segment.seconds ?? Math.max(0, (segment.to ?? now) - segment.from) / 1000;
}

/** Seconds that an import has taken so far, or took. */
export function elapsedOf(row, now) {
  return row.started === null ? null : Math.max(0, (row.ended ?? now) - row.started) / 1000;
}

/**
 * Seconds until the job ends, if it goes on as it went; null while there is no telling.
 *
 * The rate is that of the moment at which the progress was measured, so that the estimate counts down between two
 * looks at the job instead of growing.
 */
export function remainingOf(row, now) {
  const job = row.segments.find((segment) => segment.phase === "job");
  if (!job || !row.measured || !row.fraction || row.fraction >= 1) return null;
  const took = row.measured - job.from;
  if (took < 10_000) return null;
  return Math.max(0, job.from + took / row.fraction - now) / 1000;
}

function stretch(phase, from, to) {
  return from ? { phase, from, to: to === null ? null : Math.max(from, to) } : null;
}

function endOfCheck(check) {
  const ended = time(check.check?.ended_at);
  return ended ?? (["success", "failed", "skipped"].includes(check.state) ? check.end : null);
}

/**
 * At the end the result tells, and what it does not call queue was in the job. Before, it is the look that found the
 * job out of the queue. `begin_time`, when IMS made the job, is the last resort.
 */
function endOfQueue(note, submitted) {
  const { queue, job } = note.seconds ?? {};
  if (submitted && typeof job === "number") return submitted + (queue ?? 0) * 1000;
  return time(note.started_at) ?? (note.status === "INIT" ? null : time(note.begin_time));
}

function measured({ phase, to }, note) {
  const seconds = note.seconds?.[phase === "check" ? "upload_check" : phase];
  return to !== null && typeof seconds === "number" ? seconds : null;
}

function time(text) {
  return Date.parse(text) || null;
}
