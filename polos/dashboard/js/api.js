// The HTTP API. The session is a cookie that no script can read; whatever acts carries the session's CSRF token too.
// Errors are problem details (RFC 9457), thrown as ApiError.

import {parsed} from "./json.js";

export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "";
    this.problems = problem.problems ?? [];
    this.requestId = problem.request_id ?? "";
  }
}

/** Whether an error may pass by itself: the server is away, or in trouble. */
export const passing = (error) => error.status === 0 || error.status === 429 || error.status >= 500;

const SESSION = "/v1/browser/session";

let session; // undefined until the server has said
let signings = 0; // how often somebody has signed in: what was asked before says nothing of who sits here now
let asking = null;
let definitions = null;
const listeners = new Set();
const tabs = new BroadcastChannel("polos.session"); // all of them send the same cookie
tabs.onmessage = ({data}) => {
  if (data === "out") settle(null, {out: true});
  else openSession().catch(() => {}); // what is wrong with the server, other requests tell
};

/** Called with the session, or null, whenever that changes; and with {out: true} if somebody has signed out. */
export function onSession(listener) {
  listeners.add(listener);
}

function settle(found, options = {}) {
  if (session && session.project !== found?.project) definitions = null;
  session = found;
  for (const listener of listeners) listener(found, options);
  return found;
}

/** Ask who this browser is; null: nobody, a key is needed. */
export function openSession() {
  const before = signings;
  asking ??= request("GET", SESSION)
    .catch((error) => {
      if (error.status === 401) return null;
      throw error;
    })
    .then((found) => (before === signings ? settle(found) : session))
    .finally(() => (asking = null));
  return asking;
}

/** Give a key once; the server keeps a short-lived session for it. The key is not kept here. */
export async function signIn(key) {
  const found = await request("POST", SESSION, {body: {api_key: key}});
  signings += 1;
  delete window.polosFirst; // it was asked by nobody
  settle(found);
  tabs.postMessage("in");
  return found;
}

/** End the session. */
export async function signOut() {
  await del(SESSION);
  tabs.postMessage("out");
  settle(null, {out: true});
}

export const currentSession = () => session ?? null;

export const get = (path, query, {signal} = {}) => request("GET", path, {query, signal});
export const post = (path, body = undefined, {query, signal} = {}) =>
  request("POST", path, {body, query, signal});
export const put = (path, body) => request("PUT", path, {body});
export const del = (path, query) => request("DELETE", path, {query});

async function request(method, path, {query, body, signal} = {}) {
  const safe = method === "GET";
  const before = signings;
  if (!safe && path !== SESSION && !session) await openSession(); // the server was away when the page came up
  const sent = {Accept: "application/json"};
  if (!safe && session?.csrf) sent["Polos-CSRF"] = session.csrf;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await (early(method, path + search(query)) ??
      fetch(path + search(query), {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        credentials: "same-origin",
        cache: "no-store",
      }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, {detail: "The server cannot be reached. Is it running?"});
  }
  if (answer.ok && session === undefined && path !== SESSION) openSession().catch(() => {}); // it was away before
  if (answer.ok) return answer.status === 204 ? null : parsed(await answer.text());
  const error = new ApiError(answer.status, await problemOf(answer));
  if (error.status === 401 && path !== SESSION) {
    error.message = "Nobody is signed in here any more. Sign in, and do it again."; // the API speaks of headers
    if (before === signings) settle(null);
  }
  throw error;
}

/** The answer that was asked for before the modules came, once, to whoever asks for the same first. */
function early(method, url) {
  const first = window.polosFirst;
  if (!first || method !== "GET" || first.url !== url) return null;
  delete window.polosFirst;
  return first.answer;
}

async function problemOf(answer) {
  try {
    return JSON.parse(await answer.text());
  } catch {
    return {};
  }
}

function search(query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") params.append(name, String(one));
    }
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** The path of an execution. */
export const ofExecution = (id, ...rest) => ["/v1/executions", encodeURIComponent(id), ...rest].join("/");

/** What can be started; asked for once, and again with `fresh`. */
export async function allDefinitions({fresh = false} = {}) {
  if (!definitions || fresh) {
    definitions = get("/v1/definitions").then((page) => page.definitions);
    definitions.catch(() => (definitions = null));
  }
  return definitions;
}
