// Authentication Status: what is selected stays selected while the rows move; select all, and how many are.
(function () {
  "use strict";
  const boxes = () => [...document.querySelectorAll("input[name=pick]")];

  // A live change must not undo what somebody ticked: the server's rows know nothing of it.
  if (window.Idiomorph) {
    Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
      !(name === "checked" && node.type === "checkbox");
  }

  function show() {
    const all = boxes();
    const chosen = all.filter((box) => box.checked).length;
    const head = document.getElementById("pick-all");
    if (head) {
      head.checked = chosen > 0 && chosen === all.length;
      head.indeterminate = chosen > 0 && chosen < all.length;
    }
    const button = document.querySelector("button[data-selected]");
    if (!button) return;
    const text = chosen ? button.dataset.selected + " (" + chosen + ")" : button.dataset.selected;
    const label = button.querySelector("span");
    if (label.textContent !== text) label.textContent = text;
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "pick-all") boxes().forEach((box) => { box.checked = event.target.checked; });
    show();
  });
  document.addEventListener("htmx:afterSwap", show);
  document.addEventListener("DOMContentLoaded", show);
  window.addEventListener("pageshow", show);

  // What the form led to is said once: a reload or a bookmark does not say it again.
  const address = new URL(location.href);
  ["begun", "left", "why"].forEach((name) => address.searchParams.delete(name));
  if (address.href !== location.href) history.replaceState(null, "", address);
})();
