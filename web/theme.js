/* Runs before the first paint, so that the page does not flash in the other colours. */
(function () {
  let theme = null;
  try {
    theme = localStorage.getItem("sluice-theme");
  } catch {
    /* storage is forbidden: the system's choice holds */
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
