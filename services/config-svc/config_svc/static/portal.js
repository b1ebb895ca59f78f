// The portal's own script: a link is fetched by a form's POST (audited) and goes straight to the clipboard.
(function () {
  "use strict";
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-link]");
    if (!form || !navigator.clipboard || form.dataset.plain) return;
    event.preventDefault();
    const label = form.querySelector("button span");
    const before = label.textContent;
    const say = (text) => {
      label.textContent = text;
      const place = document.getElementById("announcer");
      if (place) place.textContent = text;
      setTimeout(() => { label.textContent = before; }, 2500);
    };
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      await navigator.clipboard.writeText((await answer.json()).link);
      say(form.dataset.link);
    } catch (error) {
      // Refused, or no clipboard: the page says what the matter is, or shows the link.
      form.dataset.plain = "yes";
      form.submit();
    }
  });
})();
