// What the pages do beyond forms and links: copy, count down, local times, dialogs, focus after a live change.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("script");
  const each = (selector, action) => document.querySelectorAll(selector).forEach(action);

  // ---- saying something to a screen reader ----
  function announce(text) {
    const place = document.getElementById("announcer");
    if (place) place.textContent = text;
  }

  // ---- copying ----
  const COPIED_FOR = 2500;
  const copied = new Map(); // text -> {label, until}: a live change must not take the "Copied" away

  // In the click itself, so that it works before a new tab takes the focus, and without a secure context.
  function copyNow(text) {
    const area = document.createElement("textarea");
    const before = document.activeElement;
    area.value = text;
    area.className = "visually-hidden";
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch (error) { done = false; }
    area.remove();
    if (before && before.focus) before.focus({ preventScroll: true });
    return done;
  }

  async function copy(text) {
    if (copyNow(text)) return true;
    try { await navigator.clipboard.writeText(text); return true; } catch (error) { return false; }
  }

  function showCopied(element, label) {
    copied.set(element.dataset.copy, { label: label, until: Date.now() + COPIED_FOR });
    announce(label);
    relabel();
    setTimeout(relabel, COPIED_FOR + 50);
  }

  function relabel() {
    each("[data-copy]", (element) => {
      const span = element.querySelector("span");
      const now = copied.get(element.dataset.copy);
      const shown = now && now.until > Date.now();
      if (!span) return;
      if (shown && span.textContent !== now.label) {
        element.dataset.label = span.textContent;
        span.textContent = now.label;
      } else if (!shown && element.dataset.label) {
        span.textContent = element.dataset.label;
        delete element.dataset.label;
      }
    });
  }

  document.addEventListener("click", async (event) => {
    const element = event.target.closest && event.target.closest("[data-copy]");
    if (!element) return;
    const done = await copy(element.dataset.copy);
    const label = done ? element.dataset.copied : element.dataset.failed;
    if (label) showCopied(element, label);
  });

  // ---- time left ----
  const ends = new WeakMap(); // by the time since the page began, so that a wrong clock does no harm

  function endOf(element) {
    const end = performance.now() + Number(element.dataset.left) * 1000;
    const known = ends.get(element);
    if (known && known.left === element.dataset.left) return known.end;
    // The server's whole seconds jitter: only a real change of the deadline moves the countdown.
    const kept = known && Math.abs(known.end - end) < 2500 ? known.end : end;
    ends.set(element, { left: element.dataset.left, end: kept });
    return kept;
  }

  function countDown() {
    each("[data-deadline]", (element) => {
      const left = Math.max(0, Math.ceil((endOf(element) - performance.now()) / 1000));
      if (left >= 3600) return;
      const text = left === 0 ? element.dataset.ended : Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
      if (element.textContent !== text) element.textContent = text;
      element.classList.toggle("time-short", left > 0 && left <= 60);
    });
  }

  // ---- times in the reader's zone ----
  const STYLES = {
    datetime: { dateStyle: "medium", timeStyle: "short" },
    date: { dateStyle: "medium" },
  };

  function localTimes() {
    each("time[data-local]", (element) => {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) return;
      const exact = new Intl.DateTimeFormat(root.lang, { dateStyle: "full", timeStyle: "long" }).format(at);
      if (element.title !== exact) element.title = exact;
      const style = STYLES[element.dataset.local];
      const text = style && new Intl.DateTimeFormat(root.lang, style).format(at);
      if (text && element.textContent !== text) element.textContent = text;
    });
  }

  // ---- dialogs: links to them open them as modal ones ----
  function openDialog(id) {
    const dialog = id && document.getElementById(id);
    if (!(dialog instanceof HTMLDialogElement) || dialog.open) return false;
    dialog.showModal();
    const field = dialog.querySelector("input:not([type=hidden]), select, textarea");
    if (field) requestAnimationFrame(() => field.focus());
    return true;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-dialog], a[data-close]");
    if (!link) return;
    const dialog = link.closest("dialog");
    const opened = link.matches("[data-dialog]") && openDialog(link.hash.slice(1));
    if (opened) event.preventDefault();
    if (!dialog || !link.matches("[data-close]")) return;
    event.preventDefault();
    dialog.close();
    if (location.hash === "#" + dialog.id) history.replaceState(null, "", location.pathname + location.search);
  });

  window.addEventListener("hashchange", () => openDialog(location.hash.slice(1)));

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && location.hash === "#nav") location.hash = "main";
  });

  // ---- focus: a new step, or the summary of a form's errors ----
  let focused = focusKey();

  function focusKey() {
    const element = document.querySelector("[data-focus]");
    return element ? element.dataset.focus : "";
  }

  function focusNew(region) {
    const element = document.querySelector("[data-focus]");
    const key = focusKey();
    if (!element || key === focused) { focused = key; return; }
    focused = key;
    const active = document.activeElement;
    const free = !active || active === document.body || active.closest("#main") === null || region.contains(active);
    if (!free) return;
    if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
    element.focus({ preventScroll: false });
  }

  // ---- live regions ----
  function interrupted(is) {
    const place = document.getElementById("offline");
    if (place && place.hidden === is) place.hidden = !is;
  }

  function enhance() { localTimes(); relabel(); countDown(); }

  document.addEventListener("htmx:afterSwap", (event) => { enhance(); focusNew(event.detail.target); });
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    interrupted(status === 0 || status >= 500);
  });

  function start() {
    enhance();
    setInterval(countDown, 1000);
    openDialog(location.hash.slice(1));
    const errors = document.querySelector('[data-focus="errors"]');
    if (errors) errors.focus();
    focused = focusKey();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
