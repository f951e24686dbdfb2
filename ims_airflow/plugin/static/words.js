// Times and states as people say them.

export const PHASE_NAMES = { check: "Upload check", queue: "Queue", job: "Job" };

const STEPS = {
  check: "Waiting for the upload to be finished",
  request: "About to ask IMS for the image",
  unread: "How far the import is cannot be read here",
  queue: "In the queue of IMS",
  job: "IMS works on the image",
  image: "Image made; looking whether it can be used",
};

const TASK_STATES = {
  queued: "the task waits for a worker",
  scheduled: "the task waits for a worker",
  up_for_retry: "the task waits for its next try",
  up_for_reschedule: "the task looks again soon",
  restarting: "the task starts anew",
};

export const OUTCOMES = { done: "Done", failed: "Failed", submitted: "Submitted", skipped: "Skipped", unread: "Ended" };

/** What an import is called, also before its name is known, and where it never will be. */
export function called(row) {
  const forGood = row.state !== "running" || !row.requests;
  if (row.name) return row.name;
  if (row.file && forGood) return row.file.split(/[:/]/).findLast(Boolean) ?? row.file;
  if (row.jobId) return `Job ${row.jobId}`;
  return forGood ? "Name not known" : "Name not known yet";
}

export function step(row) {
  const words = STEPS[row.phase];
  // "__data_image_import:" is how IMS spells its steps.
  const named = row.phase === "job" && row.step ? row.step.replace(/:$/, "") : null;
  return named ? `${words}: ${named}` : words;
}

export function taskState(task) {
  const words = TASK_STATES[task.state];
  const tries = task.tryNumber > 1 ? `try ${task.tryNumber}` : null;
  return [words, tries].filter(Boolean).join(", ");
}

export function duration(seconds) {
  if (seconds === null) return "–";
  const whole = Math.round(seconds);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const minutes = Math.floor(whole / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

export function remaining(seconds) {
  if (seconds === null) return "";
  return seconds < 5 ? "nearly done" : `about ${duration(seconds)} to go`;
}

export function percent(fraction) {
  return fraction === null ? "" : `${Math.floor(fraction * 100)} %`;
}

/** A moment, in the time zone that the user has chosen in Airflow; with its day unless it is today. */
export function moment(time, zone, now) {
  if (time === null) return "–";
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium" }).format(time);
  const date = day.format(time);
  return date === day.format(now) ? clock : `${date} ${clock}`;
}
