// Schedules: when they are due next, what they last started, and running, pausing or deleting them.

import {allDefinitions, currentSession, del, get, post, put} from "../api.js";
import {commands} from "../commands.js";
import {confirm} from "../dialog.js";
import {fill, h, icon, toast} from "../dom.js";
import {shortId, when} from "../format.js";
import {card, commandLine, empty, executionLink, facts, labelled, pageHead, time} from "../parts.js";
import {to} from "../router.js";

export async function show({outlet, scope}) {
  const list = h("div.cards");
  let seen = "";
  const read = async (signal) => {
    const {schedules} = await get("/v1/schedules", {}, {signal});
    const now = JSON.stringify(schedules);
    if (now === seen) return false;
    seen = now;
    fill(
      list,
      schedules.length
        ? schedules.map((one) => schedule(one, done))
        : empty(
            "No schedule yet",
            h("p", "Write ", h("code", '@workflow(schedule={"cron": "0 7 * * 1-5"})'), ", or make one here."),
          ),
    );
    return true;
  };
  const done = async () => {
    await read(scope.signal);
    scope.soon();
  };
  const admin = currentSession()?.role !== "read";
  fill(
    outlet,
    h(
      "div.page",
      pageHead(
        "Schedules",
        admin
          ? h(
              "button",
              {type: "button", dataset: {create: ""}, on: {click: () => create(done, scope)}},
              icon("plus"),
              "New schedule…",
            )
          : null,
      ),
      list,
    ),
  );
  await read(scope.signal);
  scope.watch(read, {every: 10_000, slowest: 60_000});
  return {};
}

function schedule(one, done) {
  const name = {workflow_id: one.workflow_id, key: one.key};
  const button = (text, act, cls = "") =>
    h(
      `button.small${cls}`,
      {
        type: "button",
        dataset: {key: `${one.id} ${text}`, act: text.toLowerCase().split(" ")[0]},
        on: {click: act},
      },
      text,
    );
  return card(
    one.key === "global" ? one.workflow_id : `${one.workflow_id} · ${one.key}`,
    {aside: one.paused ? h("span.status.s-paused", h("span.dot"), "paused") : null},
    h(
      "div.card-body.stack",
      facts([
        ["Cron", h("code", one.cron)],
        ["Time zone", one.timezone],
        ["If one still runs", one.overlap],
        ["Made by", one.source],
        [
          "Last",
          one.last_timestamp &&
            h(
              "span.row",
              time(one.last_timestamp),
              one.last_execution_id && executionLink(one.last_execution_id),
            ),
        ],
      ]),
      h(
        "div",
        h("h3", "Next ", h("span.faint", "by this browser's clock")),
        one.upcoming.length
          ? h(
              "ol.upcoming",
              one.upcoming.map((at) => h("li", h("span", when(at)), h("span.faint", time(at)))),
            )
          : h("p.faint", one.paused ? "None while it is paused." : "Never."),
      ),
      h(
        "div.row",
        button("Run now", () => run(name)),
        one.paused
          ? button("Resume", () => act("resume", name, done))
          : button("Pause", () => act("pause", name, done)),
        button("Delete", () => remove(one, name, done), ".danger"),
        h("a", {href: to(["executions"], {workflow_id: one.workflow_id})}, "Runs"),
      ),
    ),
  );
}

function run(name) {
  confirm(
    `Run ${name.workflow_id} now?`,
    [
      h("p", "It is started as the schedule does it, once, beside its times."),
      commandLine(commands.start(name.workflow_id)),
    ],
    {
      verb: "Run it",
      act: async () => {
        const started = await post("/v1/schedules/run", name);
        toast(`Started ${shortId(started.id)}`, {
          link: {href: to(["executions", started.id]), text: "Look at it"},
        });
      },
    },
  );
}

function act(action, name, done) {
  const text = {
    pause: ["Pause this schedule?", "Its times are left out until it is resumed.", "Pause it"],
    resume: ["Resume this schedule?", "Its next times start executions again.", "Resume it"],
  }[action];
  confirm(text[0], [h("p", text[1]), commandLine(commands.schedule(action, name.workflow_id, name.key))], {
    verb: text[2],
    act: async () => {
      await post(`/v1/schedules/${action}`, name);
      await done();
    },
  });
}

function remove(one, name, done) {
  confirm(
    "Delete this schedule?",
    [
      h(
        "p",
        one.source === "code"
          ? "The code describes it: the next deployment brings it back."
          : "Executions that it has started go on.",
      ),
      commandLine(commands.schedule("delete", name.workflow_id, name.key)),
    ],
    {
      verb: "Delete it",
      danger: true,
      act: async () => {
        await del("/v1/schedules", name);
        await done();
      },
    },
  );
}

async function create(done, scope) {
  const definitions = await allDefinitions();
  if (scope.left) return;
  const workflow = h(
    "select",
    {name: "workflow_id"},
    definitions.map((one) => h("option", {value: one.id}, one.id)),
  );
  const cron = h("input", {name: "cron", value: "0 9 * * 1-5", spellcheck: "false", autocomplete: "off"});
  const timezone = h("input", {
    name: "timezone",
    value: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
    autocomplete: "off",
  });
  const key = h("input", {name: "key", value: "global", autocomplete: "off"});
  const overlap = h(
    "select",
    {name: "overlap"},
    ["allow", "skip"].map((value) => h("option", {value}, value)),
  );
  confirm(
    "New schedule",
    [
      h(
        "div.fields",
        labelled("Workflow", workflow),
        labelled("Cron", cron, {hint: "minute hour day month weekday, as in crontab(5)"}),
        labelled("Time zone", timezone),
        labelled("Key", key, {hint: "a workflow may have several schedules"}),
        labelled("If one still runs", overlap),
      ),
    ],
    {
      verb: "Make it",
      act: async () => {
        await put("/v1/schedules", {
          workflow_id: workflow.value,
          cron: cron.value.trim(),
          timezone: timezone.value.trim(),
          key: key.value.trim(),
          overlap: overlap.value,
        });
        await done();
      },
    },
  );
}
