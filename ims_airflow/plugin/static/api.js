// Airflow's own REST API, with the session of whoever looks at the page.

const PATIENCE = 30_000;

/** What went wrong, in words for the page; `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  /** @param root address of Airflow, with a slash at its end; it may lie below a path of its own. */
  constructor(root) {
    this.root = root;
  }

  /** Return the JSON of an answer. Lists in `params` become a name that is repeated. */
  async get(path, params = {}) {
    const url = new URL(`api/v2/${path}`, this.root);
    for (const [name, value] of Object.entries(params)) {
      for (const one of [value].flat()) url.searchParams.append(name, one);
    }
    const answer = await this.#answer(url);
    if (!answer.ok) throw new ApiError(answer.status, `Airflow answered with ${answer.status}`);
    try {
      return await answer.json();
    } catch {
      throw new ApiError(answer.status, "Airflow's answer was cut off, or is none of its API");
    }
  }

  /** Like `get`, but null for what is not there. */
  async find(path, params) {
    try {
      return await this.get(path, params);
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  async #answer(url) {
    try {
      return await fetch(url, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) });
    } catch {
      throw new ApiError(0, "Airflow did not answer");
    }
  }
}

/** The path of a task instance below `/api/v2/`. */
export function taskPath({ dagId, runId, taskId }) {
  const [dag, run, task] = [dagId, runId, taskId].map(encodeURIComponent);
  return `dags/${dag}/dagRuns/${run}/taskInstances/${task}`;
}
