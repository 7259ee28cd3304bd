// Hash routes: `#/executions/ID?tab=events`. Whatever serves the files need not know them.

/** A place in the dashboard as a link. `query` may hold lists; empty values are left out. */
export function to(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "" && one !== false) search.append(name, String(one));
    }
  }
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Where we are: the decoded parts of the path, and the query. */
export function here(hash = location.hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return {parts: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(search)};
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Go there. `replace`: without a step in the history, for filters while they are typed. */
export function go(link, {replace = false} = {}) {
  if (replace) {
    history.replaceState(null, "", link);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = link;
  }
}

/** Change some of the query and keep the rest. */
export function withQuery(changes) {
  const {parts, query} = here();
  const all = {};
  for (const name of new Set(query.keys())) all[name] = query.getAll(name);
  return to(parts, {...all, ...changes});
}
