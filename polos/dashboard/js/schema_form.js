// A form from a JSON schema, as pydantic writes them: objects, lists, maps as JSON, enums, unions, formats, defaults.
// What it has no field for becomes JSON text, so that every schema has a form.

import {fill, h} from "./dom.js";
import {digits, parsed, written} from "./json.js";

const DEEPEST = 6;

/** Gives {element, value()}. A field that is empty and not required is left out. */
export function schemaForm(schema, value, onChange = () => {}) {
  const field = made(schema, value, {root: schema, path: "Input", depth: 0, required: true, onChange});
  return {element: h("div.fields", field.element), value: () => field.value()};
}

function resolved(schema, root) {
  let found = schema ?? {};
  for (let i = 0; found.$ref && i < 20; i += 1) {
    const target = found.$ref
      .replace(/^#\//, "")
      .split("/")
      .reduce((at, part) => at?.[part], root);
    found = {...target, ...Object.fromEntries(Object.entries(found).filter(([name]) => name !== "$ref"))};
  }
  if (found.allOf?.length === 1) return resolved({...found.allOf[0], ...found, allOf: undefined}, root);
  return found;
}

function made(given, value, at) {
  const schema = resolved(given, at.root);
  const start = value === undefined ? schema.default : value;
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return union(schema, options, start, at);
  if (schema.const !== undefined)
    return {element: h("code", JSON.stringify(schema.const)), value: () => schema.const};
  if (schema.enum) return choice(schema, start, at);
  if (at.depth > DEEPEST) return json(schema, start, at);
  switch (schema.type) {
    case "object":
      return schema.properties ? object(schema, start, at) : json(schema, start, at);
    case "array":
      return schema.items && !schema.prefixItems ? list(schema, start, at) : json(schema, start, at);
    case "string":
      return text(schema, start, at);
    case "integer":
    case "number":
      return number(schema, start, at);
    case "boolean":
      return flag(schema, start, at);
    case "null":
      return {element: h("span.faint", "nothing"), value: () => null};
    default:
      return json(schema, start, at);
  }
}

const label = (name, schema) =>
  schema.title && schema.title.toLowerCase().replaceAll(" ", "_") !== name.toLowerCase()
    ? schema.title
    : name;

function framed(name, schema, required, field) {
  const hint = [schema.description, bounds(schema)].filter(Boolean).join(" · ");
  if (field.group)
    return h(
      "fieldset",
      h("legend", label(name, schema), required ? null : h("span.faint", " optional")),
      hint && h("small", hint),
      field.element,
    );
  if (field.check)
    return h("div.field", h("label.check", field.element, label(name, schema)), hint && h("small", hint));
  return h(
    "label.field",
    h("span.field-label", label(name, schema), required ? null : h("span.faint", " optional")),
    field.element,
    hint && h("small", hint),
  );
}

function bounds(schema) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return `${schema.exclusiveMinimum !== undefined ? "more than" : "at least"} ${low}`;
  return high !== undefined ? `at most ${high}` : "";
}

function object(schema, start, at) {
  const required = new Set(schema.required ?? []);
  const given = start && typeof start === "object" && !Array.isArray(start) ? start : {};
  const fields = Object.entries(schema.properties).map(([name, inner]) => {
    const needed = required.has(name);
    const own = resolved(inner, at.root);
    const field = made(inner, Object.hasOwn(given, name) ? given[name] : undefined, {
      ...at,
      path: `${at.path}.${name}`,
      depth: at.depth + 1,
      required: needed,
    });
    return [name, field, framed(name, own, needed, field)];
  });
  const extra = Object.fromEntries(
    Object.entries(given).filter(([name]) => !Object.hasOwn(schema.properties, name)),
  );
  return {
    group: true,
    element: h(
      "div.fields",
      fields.map(([, , element]) => element),
      fields.length ? null : h("p.faint", "It takes nothing."),
    ),
    value: () => {
      const found = {...extra};
      for (const [name, field] of fields) {
        const one = field.value();
        if (one !== undefined) found[name] = one;
      }
      return found;
    },
  };
}

function list(schema, start, at) {
  const rows = h("div.fields");
  let items = [];
  const add = (value) => {
    const field = made(schema.items, value, {
      ...at,
      path: `${at.path}[${items.length}]`,
      depth: at.depth + 1,
      required: true,
    });
    const item = {
      field,
      element: h(
        "div.list-item",
        h("div.grow", field.element),
        h(
          "button.small",
          {
            type: "button",
            "aria-label": `Remove item ${items.length + 1}`,
            on: {
              click: () => {
                items = items.filter((one) => one !== item);
                item.element.remove();
                at.onChange();
              },
            },
          },
          "Remove",
        ),
      ),
    };
    items.push(item);
    rows.append(item.element);
  };
  for (const one of Array.isArray(start) ? start : []) add(one);
  return {
    group: true,
    element: h(
      "div.fields",
      rows,
      h(
        "div",
        h(
          "button.small",
          {
            type: "button",
            on: {
              click: () => {
                add(undefined);
                at.onChange();
              },
            },
          },
          "Add",
        ),
      ),
    ),
    value: () =>
      items.length || at.required || Array.isArray(start)
        ? items.map((item) => item.field.value() ?? null)
        : undefined,
  };
}

function text(schema, start, at) {
  const kinds = {
    date: "date",
    time: "time",
    "date-time": "text",
    email: "email",
    uri: "url",
    password: "password",
  };
  const long = (schema.maxLength ?? 0) > 200 || (typeof start === "string" && start.includes("\n"));
  const props = {
    name: at.path,
    value: written(start),
    "aria-label": at.path,
    placeholder: schema.format === "date-time" ? "2026-05-17T09:00:00Z" : (schema.examples?.[0] ?? null),
    "aria-required": at.required ? "true" : null,
    autocomplete: "off",
    on: {
      input: () => {
        typed = true;
        at.onChange();
      },
    },
  };
  let typed = start === ""; // an empty text is a value where somebody made it one
  const input = long ? h("textarea", props) : h("input", {type: kinds[schema.format] ?? "text", ...props});
  return {
    element: input,
    value: () =>
      input.value === "" && !(typed && at.required && !schema.format) ? undefined : input.value,
  };
}

function number(schema, start, at) {
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    name: at.path,
    "aria-label": at.path,
    "aria-required": at.required ? "true" : null,
    autocomplete: "off",
    value: written(start),
    on: {input: at.onChange},
  });
  return {
    element: input,
    value: () => {
      const typed = input.value.trim();
      if (typed === "") return undefined;
      const good = Number.isFinite(Number(typed));
      if (good) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
      if (!good) throw new Error(`${at.path}: a number is needed`);
      return /^-?[1-9]\d*$/.test(typed) ? parsed(typed) : Number(typed);
    },
  };
}

function flag(schema, start, at) {
  const input = h("input", {
    type: "checkbox",
    name: at.path,
    "aria-label": at.path,
    checked: start === true,
    on: {change: at.onChange},
  });
  return {check: true, element: input, value: () => input.checked};
}

function choice(schema, start, at) {
  const input = h(
    "select",
    {name: at.path, "aria-label": at.path, on: {change: at.onChange}},
    at.required ? null : h("option", {value: ""}, ""),
    schema.enum.map((one, i) =>
      h(
        "option",
        {value: String(i), selected: JSON.stringify(one) === JSON.stringify(start)},
        typeof one === "string" ? one : JSON.stringify(one),
      ),
    ),
  );
  return {element: input, value: () => (input.value === "" ? undefined : schema.enum[Number(input.value)])};
}

/** One of several: null among them makes a field optional; else which one it is has to be chosen. */
function union(schema, options, start, at) {
  const some = options.map((one) => resolved(one, at.root)).filter((one) => one.type !== "null");
  const nullable = some.length < options.length;
  if (some.length === 1) {
    const field = made(some[0], start === null ? undefined : start, {
      ...at,
      required: at.required && !nullable,
    });
    return {...field, value: () => field.value() ?? (at.required ? null : undefined)};
  }
  const place = h("div");
  let field = null;
  const pick = h(
    "select",
    {
      "aria-label": `Kind of ${at.path}`,
      on: {
        change: () => {
          draw(undefined);
          at.onChange();
        },
      },
    },
    nullable ? h("option", {value: ""}, "nothing") : null,
    some.map((one, i) => h("option", {value: String(i)}, one.title ?? one.type ?? `option ${i + 1}`)),
  );
  const draw = (value) => {
    field = pick.value === "" ? null : made(some[Number(pick.value)], value, at);
    fill(place, field?.element);
  };
  const fitting = some.findIndex((one) => fits(one, start));
  if (start !== undefined && start !== null) pick.value = String(Math.max(0, fitting));
  draw(start ?? undefined);
  return {
    group: true,
    element: h("div.fields", pick, place),
    value: () => (field ? field.value() : nullable ? null : undefined),
  };
}

function fits(schema, value) {
  const number = digits(value) !== null;
  const kind = Array.isArray(value) ? "array" : value === null ? "null" : number ? "number" : typeof value;
  return schema.type === kind || (kind === "number" && schema.type === "integer");
}

function json(schema, start, at) {
  const input = h("textarea.code", {
    name: at.path,
    "aria-label": `${at.path} as JSON`,
    rows: 3,
    spellcheck: "false",
    placeholder: "JSON",
    value: start === undefined ? "" : JSON.stringify(start, null, 2),
    on: {input: at.onChange},
  });
  return {
    element: input,
    value: () => {
      if (!input.value.trim()) return at.required ? (schema.type === "object" ? {} : null) : undefined;
      try {
        return parsed(input.value);
      } catch (error) {
        throw new Error(`${at.path}: not JSON: ${error.message}`);
      }
    },
  };
}
