// The portal's own script: a link is fetched by a form's POST (audited) and goes straight to the clipboard.
(function () {
  "use strict";
  const SAID_FOR = 2500;
  const said = new Map(); // address -> until: a live change must not take the "Copied" away

  function relabel() {
    document.querySelectorAll("form[data-link]").forEach((form) => {
      const label = form.querySelector("button span");
      const fresh = (said.get(form.action) || 0) > Date.now();
      if (fresh && label.textContent !== form.dataset.link) {
        form.dataset.label = label.textContent;
        label.textContent = form.dataset.link;
      } else if (!fresh && form.dataset.label) {
        label.textContent = form.dataset.label;
        delete form.dataset.label;
      }
    });
  }

  function say(form) {
    said.set(form.action, Date.now() + SAID_FOR);
    const place = document.getElementById("announcer");
    if (place) place.textContent = form.dataset.link;
    relabel();
    setTimeout(relabel, SAID_FOR + 50);
  }

  document.addEventListener("htmx:afterSwap", relabel);

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-link]");
    if (!form || !navigator.clipboard) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    try {
      const answer = await fetch(form.action, { method: "POST", body: body, headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      await navigator.clipboard.writeText((await answer.json()).link);
      say(form);
    } catch (error) {
      // Refused, or no clipboard: the page says what the matter is, or shows the link.
      form.submit();
    }
  });

  // What was just done is said once: the address goes without it, so that a reload or a bookmark does not say it again.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
})();
