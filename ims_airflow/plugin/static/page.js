// The page: asks, shows, and asks again while somebody looks.

import { Api } from "./api.js";
import { setAttribute, setText } from "./dom.js";
import { History } from "./history.js";
import { leaveFrame, link } from "./links.js";
import { Running } from "./running.js";
import { Source } from "./source.js";
import { followTheme, timeZone } from "./surroundings.js";
import { Timeline } from "./timeline.js";
import { duration } from "./words.js";

const BUSY = 5_000; // milliseconds between two looks while something runs
const IDLE = 20_000;

const root = new URL("../", document.location.href);
const at = (id) => document.getElementById(id);
const running = new Running(at("running-list"), root);
const history = new History(at("history-rows"), root);
const axes = { clock: at("by-clock"), start: at("by-start") };
const timeline = new Timeline(at("timeline-rows"), at("timeline-axis"), axes);
const source = new Source(new Api(root));

let found = null; // what the last answers said
let answered = 0;
let timer = 0;
let asking = false;

followTheme();
leaveFrame();
const logIn = link();
at("log-in").append(logIn.element);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
setInterval(() => document.hidden || draw(), 1000);
look();

async function look() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  let pause = IDLE;
  try {
    found = await source.read();
    answered = Date.now();
    tell(found.notices);
    if (found.running.length) pause = BUSY;
  } catch (error) {
    tell([troubleOf(error)], error.status === 401);
    pause = error.status === 401 || error.status === 403 ? IDLE : BUSY;
  }
  asking = false;
  draw();
  if (!document.hidden) timer = setTimeout(look, pause);
}

function troubleOf(error) {
  if (error.status === 401) return "You are not logged in to Airflow: there is nothing to show.";
  if (error.status === 403) return "You may not see task instances in this Airflow: there is nothing to show.";
  if (error.status === undefined) console.error(error);
  const what = error.status === undefined ? "The page could not make sense of Airflow's answer" : error.message;
  return `${what}. Trying again; ${found ? "what is shown may be out of date" : "nothing could be read yet"}.`;
}

function tell(sentences, notLoggedIn = false) {
  if (notLoggedIn) found = null; // whoever looks now need not be who logged in before
  setText(at("notice-text"), sentences.join(" "));
  at("notice").hidden = !sentences.length;
  at("log-in").hidden = !notLoggedIn;
  logIn.update("Log in", new URL(`api/v2/auth/login?next=${encodeURIComponent(root.pathname)}`, root).href);
}

function draw() {
  const now = Date.now();
  const zone = timeZone();
  const [active, ended] = [found?.running ?? [], found?.ended ?? []];
  running.show(active, now);
  history.show(ended, now, zone);
  timeline.show([...active, ...ended], now, zone);
  at("running").hidden = !active.length && !ended.length;
  at("idle").hidden = active.length > 0;
  at("timeline").hidden = ![...active, ...ended].some((row) => row.segments.length);
  at("history").hidden = !ended.length;
  at("nothing").hidden = !found || active.length + ended.length > 0;
  setText(at("running-count"), active.length ? String(active.length) : "");
  setText(at("age"), answered && found ? `Updated ${duration((now - answered) / 1000)} ago` : "");
  setAttribute(document.body, "data-state", found ? "shown" : "empty");
}
