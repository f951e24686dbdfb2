// What the page asks Airflow: four lists each time, and details only of what has changed.

import { ApiError, taskPath } from "./api.js";
import { ACTIVE, CHECK, CREATE, ENDED, OPERATORS, WAIT, importsOf } from "./imports.js";

export const SHOWN = 20; // imports that have ended
const LIMIT = 100; // the most that Airflow gives at once, by default
const AT_ONCE = 6; // connections that a browser opens to one server
const ALL_TASKS = "dags/~/dagRuns/~/taskInstances";
const FORBIDDEN = "You may not read XComs or links of some DAGs: progress, steps and reasons are missing there.";
const TROUBLE = "Some details could not be read: trying again.";
const OUTSIDE = "XComs lie outside of Airflow's database: progress, steps and reasons are missing.";
const MINUTE = 60_000;
const KEYS = {
  ims_import: { kind: "note", from: [CREATE, WAIT] },
  ims_upload_check: { kind: "check", from: [CHECK] },
};

export class Source {
  #api;
  #details = new Map(); // answers by what they are about: task, kind and version
  #runs = new Map(); // ended tasks of runs that are still active, by run

  constructor(api) {
    this.#api = api;
  }

  /** Return {running, ended, notices}: rows of imports, and sentences about what could not be read. */
  async read() {
    const notices = [];
    const [active, waiting, ended, entries] = await Promise.all([
      this.#tasks({ state: ACTIVE, order_by: "-run_after" }),
      this.#tasks({ state: "none", order_by: "-run_after" }), // a backfill has many, which would hide what runs
      this.#tasks({ state: ENDED, order_by: "-end_date" }),
      this.#entries(notices),
    ]);
    if (active.total > LIMIT) notices.push(`More than ${LIMIT} tasks are active: the newest runs are shown.`);
    if (waiting.total > LIMIT) notices.push(`More than ${LIMIT} tasks wait for their turn: older runs may lack some.`);
    const unended = [...waiting.tasks, ...active.tasks];
    const siblings = await this.#siblings(unended, ended.tasks);
    const known = new Map([...siblings, ...ended.tasks, ...unended].map((task) => [task.id, task]));
    const tasks = [...known.values()];
    await this.#addDetails(tasks, entries, notices);
    return { ...shown(importsOf(tasks)), notices: [...new Set(notices)] };
  }

  async #tasks(filters, path = ALL_TASKS) {
    const answer = await this.#api.get(path, { operator: OPERATORS, limit: LIMIT, ...filters });
    return { tasks: answer.task_instances.map(taskOf), total: answer.total_entries };
  }

  /** When each value was handed over, by task and key, and whether these are all there are. */
  async #entries(notices) {
    const params = { xcom_key_prefix_pattern: Object.keys(KEYS).join("|"), order_by: "-timestamp", limit: LIMIT };
    const { value, notice } = await answered(() => this.#api.get(`${ALL_TASKS}/~/xcomEntries`, params));
    if (notice) notices.push(notice);
    const entries = value?.xcom_entries ?? [];
    const times = new Map(entries.map((entry) => [entryKey(taskOf(entry), entry.key), entry.timestamp]));
    return { times, all: !(value?.total_entries > entries.length) };
  }

  /** Tasks of active runs that ended too long ago to be among the last ones. */
  async #siblings(active, ended) {
    const runs = new Map(active.filter((task) => task.start).map((task) => [runPath(task), task]));
    for (const path of this.#runs.keys()) if (!runs.has(path)) this.#runs.delete(path);
    if (ended.length === LIMIT) {
      const unknown = [...runs.keys()].filter((path) => !this.#runs.has(path));
      await inTurns(unknown, async (path) => {
        const found = await this.#tasks({ state: ENDED }, `${path}/taskInstances`);
        this.#runs.set(path, found.tasks);
      });
    }
    return [...this.#runs.values()].flat();
  }

  async #addDetails(tasks, entries, notices) {
    const { running, ended } = shown(importsOf(tasks));
    const wanted = [...running, ...ended].flatMap((row) => this.#wanted(row, entries));
    const details = new Map(); // what is no longer shown is forgotten
    await inTurns(wanted, async ({ task, kind, version, ask }) => {
      const key = JSON.stringify([task.id, kind, version]);
      const detail = details.get(key) ?? this.#details.get(key) ?? (await answered(ask));
      if (detail.notice) notices.push(detail.notice);
      if (detail.lasting) details.set(key, detail);
      task[kind] = detail.value;
    });
    this.#details = details;
    if (tasks.filter(isOutside).map(forgetReferences).length) notices.push(OUTSIDE);
  }

  /** What is worth asking about the tasks of an import, with the version up to which an answer holds. */
  #wanted({ tasks, main, current }, entries) {
    const last = tasks.at(-1);
    const wanted = tasks.flatMap((task) =>
      Object.entries(KEYS).map(([key, { kind }]) => {
        return { task, kind, version: versionOfValue(task, key, entries), ask: () => this.#value(task, key) };
      }),
    );
    for (const task of new Set([main, current, last])) {
      wanted.push({ task, kind: "links", version: task.start && versionOf(task), ask: () => this.#links(task) });
    }
    if (last.state === "success" && last.operator !== CHECK) {
      const ask = () => this.#value(last, "return_value");
      wanted.push({ task: last, kind: "result", version: versionOf(last), ask });
    }
    return wanted.filter(({ version }) => version);
  }

  async #value(task, key) {
    const params = { map_index: task.mapIndex, deserialize: true };
    return valueOf(await this.#api.find(`${taskPath(task)}/xcomEntries/${key}`, params));
  }

  async #links(task) {
    const answer = await this.#api.find(`${taskPath(task)}/links`, { map_index: task.mapIndex });
    return answer?.extra_links ?? null;
  }
}

function taskOf(instance) {
  return {
    id: instance.id,
    dagId: instance.dag_id,
    runId: instance.dag_run_id ?? instance.run_id,
    taskId: instance.task_id,
    mapIndex: instance.map_index,
    tryNumber: instance.try_number,
    operator: instance.operator,
    state: instance.state ?? null,
    start: Date.parse(instance.start_date) || null,
    end: Date.parse(instance.end_date) || null,
    fields: instance.rendered_fields ?? {},
    note: null,
    check: null,
    result: null,
    links: null,
    unread: false,
  };
}

function shown(rows) {
  const [running, ended] = [true, false].map((wanted) => rows.filter((row) => (row.state === "running") === wanted));
  return { running, ended: ended.sort((one, other) => other.ended - one.ended).slice(0, SHOWN) };
}

const versionOf = ({ tryNumber, state, end }) => [tryNumber, state, end];

/** Of more values than are listed, an old one may be a running task's: only asking tells, and now and then anew. */
function versionOfValue(task, key, { times, all }) {
  const listed = times.get(entryKey(task, key));
  if (listed || all || !task.tryNumber || !KEYS[key].from.includes(task.operator)) return listed;
  return ACTIVE.includes(task.state) ? [...versionOf(task), Math.floor(Date.now() / MINUTE)] : versionOf(task);
}

function entryKey({ dagId, runId, taskId, mapIndex }, key) {
  return JSON.stringify([dagId, runId, taskId, mapIndex, key]);
}

function runPath(task) {
  return taskPath(task).replace(/\/taskInstances\/[^/]*$/, "");
}

/** XComs that were handed over by REST come as they are, those of tasks may come as JSON text. */
function valueOf(entry) {
  if (typeof entry?.value !== "string") return entry?.value ?? null;
  try {
    return JSON.parse(entry.value);
  } catch {
    return entry.value;
  }
}

/** Whether an XCom backend has kept the values: Airflow's API then gives the text of its reference to them. */
function isOutside({ note, check }) {
  return [note, check].some((value) => value !== null && typeof value !== "object");
}

function forgetReferences(task) {
  Object.assign(task, { unread: true, note: null, check: null, result: typeof task.result === "string" ? null : task.result });
}

/** Ask for a detail: without it, because it is forbidden or there is trouble, the rest is still worth showing. */
async function answered(ask) {
  try {
    return { value: await ask(), lasting: true };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    return { value: null, lasting: error.status === 403, notice: error.status === 403 ? FORBIDDEN : TROUBLE };
  }
}

async function inTurns(items, work) {
  const rest = [...items];
  const worker = async () => {
    while (rest.length) await work(rest.shift());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
