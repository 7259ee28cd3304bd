// Before the first paint: the theme that was chosen here. Without a choice the system's counts (see dashboard.css).
(function () {
  try {
    const chosen = localStorage.getItem("polos.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme counts.
  }
})();
