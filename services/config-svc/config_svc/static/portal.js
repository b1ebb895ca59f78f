// The portal's own script: links go straight to the clipboard, ticks and fields outlast a live change.
(function () {
  "use strict";
  const SAID_FOR = 2500;
  const said = new Map(); // address and row -> until: a live change must not take the "Copied" away

  function announce(text) {
    const place = document.getElementById("announcer");
    if (place) place.textContent = text;
  }

  // ---- copying a link: fetched by a form's POST (audited) ----
  const keyOf = (form, button) => form.action + " " + button.value;

  function relabel() {
    document.querySelectorAll("form[data-link]").forEach((form) => {
      [...form.elements].filter((element) => element.matches("button")).forEach((button) => {
        const label = button.querySelector("span");
        const fresh = (said.get(keyOf(form, button)) || 0) > Date.now();
        if (fresh && label.textContent !== form.dataset.link) {
          button.dataset.label = label.textContent;
          label.textContent = form.dataset.link;
        } else if (!fresh && button.dataset.label) {
          label.textContent = button.dataset.label;
          delete button.dataset.label;
        }
        button.classList.toggle("said", fresh);
      });
    });
  }

  function say(form, button) {
    said.set(keyOf(form, button), Date.now() + SAID_FOR);
    announce(form.dataset.link);
    relabel();
    setTimeout(relabel, SAID_FOR + 50);
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-link]");
    if (!form || !navigator.clipboard) return;
    const button = event.submitter || form.querySelector("button");
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, button));
    try {
      const answer = await fetch(form.action, { method: "POST", body: body, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      await navigator.clipboard.writeText((await answer.json()).link);
      say(form, button);
    } catch (error) {
      // Refused, or no clipboard: the page says what the matter is, or shows the link.
      form.removeAttribute("data-link");
      form.requestSubmit(button);
    }
  });

  // ---- ticked rows ----
  const ticks = (form) => [...form.elements].filter((element) => element.type === "checkbox" && element.name);

  function count() {
    document.querySelectorAll("form.selection").forEach((form) => {
      const all = ticks(form);
      const chosen = all.filter((tick) => tick.checked).length;
      const every = form.querySelector("[data-all]");
      every.checked = chosen > 0 && chosen === all.length;
      every.indeterminate = chosen > 0 && chosen < all.length;
      const place = form.querySelector("[data-selected]");
      const text = chosen === 0 ? "" : chosen === 1 ? place.dataset.one : place.dataset.many.replace("#", String(chosen));
      if (place.textContent !== text) place.textContent = text;
    });
  }

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form || !form.matches("form.selection")) return;
    if (event.target.matches("[data-all]")) ticks(form).forEach((tick) => { tick.checked = event.target.checked; });
    count();
  });

  // ---- live changes: a tick stays as it is, a field that is being typed into makes them wait ----
  if (window.Idiomorph) {
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
      !(name === "checked" && element instanceof HTMLInputElement);
  }

  const typedInto = (region) => region.matches(".live") && region.querySelector("form.in-place");

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (typedInto(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (typedInto(event.detail.target)) event.detail.shouldSwap = false; // asked for before the typing began
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    relabel();
    count();
    const place = event.detail.target;
    if (place.matches(".live")) return;
    const field = place.querySelector("[data-take-focus]") || (place.matches(".reference") && place.querySelector("a"));
    if (field) field.focus();
    if (field && field.select) field.select();
  });

  document.addEventListener("keydown", (event) => {
    const form = event.key === "Escape" && event.target.closest("form.in-place");
    if (form) form.querySelector("[data-give-up]").click();
  });

  // What was just done is said once: the address goes without it, so that a reload or a bookmark does not say it again.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
  window.addEventListener("pageshow", count); // ticks come back with the page
})();
