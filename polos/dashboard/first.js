// What need not wait for the modules: the chosen theme, before the first paint; and the newest executions, which most
// people come for, are asked for while the modules load. See `request` in js/api.js, which takes the answer.
(function () {
  try {
    const chosen = localStorage.getItem("polos.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme counts.
  }
  if (!/^(#\/?(executions)?)?$/.test(location.hash)) return;
  const url = "/v1/executions?limit=50"; // as pages/executions.js asks for it; if not, it is asked for twice
  const headers = {Accept: "application/json"};
  const answer = fetch(url, {headers, credentials: "same-origin", cache: "no-store"}).then(async (found) => {
    const body = await found.text(); // read now, so that the first paint has the rows if they are there by then
    return {ok: found.ok, status: found.status, text: () => body};
  });
  answer.catch(() => {}); // whoever takes it is told
  window.polosFirst = {url, answer};
})();
