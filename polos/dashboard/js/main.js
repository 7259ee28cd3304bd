// The frame around every page: navigation, the live switch, the theme, who is signed in; and which page is shown.

import {ApiError, currentSession, onSession, openSession, passing, signOut} from "./api.js";
import {closeDialogs} from "./dialog.js";
import {announce, fill, h, icon, toast} from "./dom.js";
import {help, pageKeys, startKeys} from "./keys.js";
import {live} from "./live.js";
import * as executions from "./pages/executions.js";
import {failure, loading, pageHead, refreshTimes, titleTimes} from "./parts.js";
import {here, to} from "./router.js";
import {Scope} from "./scope.js";
import {askedEnough, asking, askInPlace, askOver} from "./sign_in.js";

const NAVIGATION = [
  ["executions", "Executions", "list"],
  ["start", "Start", "play"],
  ["approvals", "Approvals", "inbox"],
  ["agents", "Agents", "agent"],
  ["sessions", "Sessions", "chat"],
  ["queues", "Queues", "queue"],
  ["schedules", "Schedules", "clock"],
  ["events", "Events", "event"],
  ["cost", "Cost", "cost"],
];

/** Pages by the first part of their path. */
const PAGES = {
  executions: ({parts}) =>
    parts.length > 1 ? import("./pages/execution.js") : executions,
  start: () => import("./pages/start.js"),
  approvals: () => import("./pages/approvals.js"),
  agents: ({parts}) => (parts.length > 1 ? import("./pages/chat.js") : import("./pages/agents.js")),
  sessions: () => import("./pages/sessions.js"),
  queues: () => import("./pages/queues.js"),
  schedules: () => import("./pages/schedules.js"),
  events: () => import("./pages/events.js"),
  cost: () => import("./pages/cost.js"),
};

/** How many parts the paths of pages have; else one. */
const LENGTHS = {executions: [1, 2], start: [1, 2], agents: [1, 2], sessions: [1, 3]};

function pageOf(parts) {
  if (!Object.hasOwn(PAGES, parts[0])) return null; // "constructor" is none
  return (LENGTHS[parts[0]] ?? [1]).includes(parts.length) ? PAGES[parts[0]] : null;
}

const outlet = h("main", {id: "main", tabindex: "-1"});
const nav = h("nav", {id: "nav", "aria-label": "Main"});
const liveButton = h("button.live", {type: "button", on: {click: () => live.toggle()}});
const themeButton = h("button.plain.icon-only", {type: "button", on: {click: nextTheme}});
const who = h("div.who");
const away = h("div.away", {role: "status", hidden: true});

const RENEW = 20 * 60_000;

let shown = {path: null, scope: new Scope(), page: null};

function frame() {
  const menu = h(
    "button.plain.icon-only.menu",
    {
      type: "button",
      "aria-label": "Menu",
      "aria-expanded": "false",
      "aria-controls": "nav",
      on: {click: () => toggleMenu()},
    },
    icon("menu"),
  );
  fill(
    document.getElementById("app"),
    h(
      "header.bar",
      menu,
      h(
        "a.brand",
        {href: "#/executions", "aria-label": "Polos"},
        h("img", {src: "icon.svg", alt: "", width: "22", height: "22"}),
        h("span", "polos"),
      ),
      h(
        "div.bar-aside",
        liveButton,
        h(
          "button.plain.icon-only",
          {type: "button", "aria-label": "Keyboard help", title: "Keyboard (?)", on: {click: help}},
          icon("help"),
        ),
        themeButton,
      ),
    ),
    h("div.side", nav, who),
    h("div.middle", away, outlet),
  );
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault(); // the address is a route
    outlet.focus();
  });
}

function toggleMenu(open = !document.body.classList.contains("menu-open")) {
  document.body.classList.toggle("menu-open", open);
  const button = document.querySelector(".menu");
  const moved = button.getAttribute("aria-expanded") !== String(open);
  button.setAttribute("aria-expanded", String(open));
  if (!moved) return;
  if (open) nav.querySelector("a").focus();
  else if (nav.contains(document.activeElement)) button.focus(); // what is hidden cannot keep it
}

function drawNavigation(current) {
  fill(
    nav,
    h(
      "ul",
      NAVIGATION.map(([path, text, sign]) =>
        h(
          "li",
          h("a", {href: `#/${path}`, "aria-current": path === current ? "page" : null}, icon(sign), text),
        ),
      ),
    ),
  );
}

function drawLive() {
  const state = live.paused ? "paused" : live.trouble ? "gone" : live.busy ? "on" : "idle";
  liveButton.className = `live ${state}`;
  liveButton.setAttribute("aria-pressed", String(!live.paused));
  liveButton.title = live.paused
    ? "Live is paused: nothing is asked of the server (p)"
    : state === "gone"
      ? "The server does not answer as it should (p)"
      : state === "on"
      ? "This page follows what happens (p)"
      : "Nothing on this page changes any more (p)";
  fill(liveButton, h("span.dot", {"aria-hidden": "true"}), live.paused ? "Paused" : "Live");
}

/** What is shown is not what is: say so, until the server answers again. */
function drawAway() {
  const text = live.trouble
    ? `${live.trouble.message} What is shown is what was known before${live.paused ? "." : "; it is tried again by itself."}`
    : "";
  if (away.textContent.startsWith(text) && away.hidden === !text) return;
  if (!text && !away.hidden) announce("The server answers again");
  away.hidden = !text;
  fill(
    away,
    text && [
      h("span", text),
      h("button.small", {type: "button", dataset: {key: "now"}, on: {click: () => live.soon()}}, "Try now"),
    ],
  );
}

// --- theme ---------------------------------------------------------------------------------------------------------

const THEMES = {auto: ["auto", "as the system"], light: ["sun", "light"], dark: ["moon", "dark"]};

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function nextTheme() {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme()) + 1) % names.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("polos.theme", next);
  } catch {
    // Without storage it is forgotten with the page.
  }
  drawTheme();
}

function drawTheme() {
  const [sign, text] = THEMES[theme()];
  themeButton.setAttribute("aria-label", `Theme: ${text}`);
  themeButton.title = `Theme: ${text}`;
  fill(themeButton, icon(sign));
}

// --- who ------------------------------------------------------------------------------------------------------------

function drawWho(session) {
  if (!session) {
    fill(who);
    return;
  }
  const local = session.how === "local";
  fill(
    who,
    h("div", h("span.faint", "project "), h("strong", session.project)),
    h("div.faint", `${session.role}${local ? ", on this machine" : ""}`),
    local
      ? null
      : h(
          "button.plain",
          {
            type: "button",
            on: {click: () => signOut().catch((error) => toast(error.message, {kind: "error"}))},
          },
          "Sign out",
        ),
  );
}

/** `out`: somebody has signed out; then nothing of what was shown stays. */
function askForKey({out = false} = {}) {
  if (asking()) return; // what is being typed stays
  if (shown.page && !out) {
    live.held = true;
    askOver();
    return;
  }
  shown.scope.leave();
  closeDialogs();
  shown = {path: null, scope: new Scope(), page: null};
  askInPlace(outlet);
}

/** Somebody has signed in: go on where they were, or show the page anew if there is none, or it is another project's. */
function goOn(same) {
  const over = askedEnough();
  live.held = false;
  if (!over || !same || !shown.page) reload();
}

// --- pages -----------------------------------------------------------------------------------------------------------

/** A page that cannot be shown, with a heading like every page. */
function failed(error, options) {
  const title = error.status === 404 ? "Not found" : "That did not work";
  const {parts, query} = here();
  const anew = query.size && !passing(error) ? to(parts) : null;
  return h("div.page", pageHead(title), failure(error, {anew, ...options, titled: false}));
}

function unreachable(cause) {
  throw Object.assign(new ApiError(0, {detail: "The server cannot be reached. Is it running?"}), {cause});
}

/** Show the page anew. Gives "over", for a watch that has waited for that. */
function reload() {
  shown.path = null;
  route();
  return "over";
}

async function route() {
  if (!here().parts.length) history.replaceState(null, "", "#/executions"); // no event of it: it is shown right now
  const place = here();
  toggleMenu(false);
  const path = place.parts.join("/");
  if (shown.path === path && shown.page?.update) {
    shown.page.update(place.query);
    return;
  }
  const first = shown.path === null;
  shown.scope.leave();
  closeDialogs();
  const scope = new Scope();
  shown = {path, scope, page: null};
  pageKeys({});
  drawNavigation(place.parts[0]);
  const ground = h("div", loading()); // a page that is late draws on what is not shown any more
  fill(outlet, ground);
  const load = pageOf(place.parts);
  if (!load) {
    fill(outlet, failed({status: 404, message: `There is no page ${path}.`}, {anew: null}));
    return;
  }
  try {
    const module = await Promise.resolve(load(place)).catch(unreachable);
    if (scope.left) return;
    const page = await module.show({...place, outlet: ground, scope});
    if (scope.left) return;
    shown.page = page ?? {};
    pageKeys(page?.keys);
  } catch (error) {
    if (error.name === "AbortError" || scope.left) return;
    if (error.status === 401) askForKey();
    else {
      const again = error.cause ? () => location.reload() : reload; // a module that failed once stays so
      fill(outlet, failed(error, {retry: again}));
      if (passing(error)) scope.watch(() => openSession().then(again), {every: 2000});
    }
  }
  // Unless the page has put the focus somewhere itself, or somebody types there already.
  if (!first && !outlet.contains(document.activeElement))
    outlet.querySelector("h1")?.focus({preventScroll: true});
  scrollTo(0, 0);
}

frame();
drawLive();
drawTheme();
startKeys();
live.addEventListener("change", () => {
  drawLive();
  drawAway();
});
let project = null;
onSession((session, options) => {
  drawWho(session);
  if (!session) {
    askForKey(options);
    return;
  }
  const same = project === null || project === session.project;
  project = session.project;
  if (asking() || !same) goOn(same);
});
addEventListener("hashchange", route);
document.addEventListener(
  "keydown",
  (event) => event.key === "Escape" && document.body.classList.contains("menu-open") && toggleMenu(false),
);
outlet.addEventListener("click", () => document.body.classList.contains("menu-open") && toggleMenu(false));
setInterval(() => live.on && refreshTimes(), 1000);
document.addEventListener("pointerover", titleTimes);
setInterval(() => live.on && currentSession()?.csrf && openSession().catch(() => {}), RENEW); // it ends by itself after an hour
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name === "AbortError") event.preventDefault();
  else if (event.reason?.status !== undefined) {
    event.preventDefault();
    if (event.reason.status !== 401) toast(event.reason.message, {kind: "error"});
  }
});
route();
openSession().catch((error) => passing(error) || toast(error.message, {kind: "error"})); // pages tell the rest
