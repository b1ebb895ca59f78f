// Live: the stream of events into a bounded list, a pause, and how the connection is.
(function () {
  "use strict";
  const WAITS = [1000, 2000, 5000, 10000, 30000]; // until the stream is asked for anew, where the browser gives up
  const CATCH_UP = 3000; // what was said while the stream was being opened is in the list of the last events by then
  const list = document.getElementById("lines");
  const state = document.getElementById("connection");
  const pause = document.getElementById("pause");
  if (!list || !window.EventSource) return;
  const most = Number(list.dataset.most);
  const lang = document.documentElement.lang;
  const seen = new Set();
  let waiting = []; // while paused, the newest last
  let paused = false;
  let source = null;
  let last = ""; // the place in the log, for a stream that is opened anew
  let tries = 0;

  // ---- lines ----
  const clock = new Intl.DateTimeFormat(lang, { timeStyle: "medium" });
  const exact = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });

  function local(time) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    time.textContent = clock.format(at);
    time.title = exact.format(at);
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function drawn(line) {
    const item = element("li", "line line-" + line.tone + " line-new");
    const time = element("time");
    const body = element("div");
    const name = element(line.url ? "a" : "span", line.url ? "" : "line-name", line.name);
    if (line.url) name.href = line.url;
    item.dataset.id = line.id;
    time.dateTime = line.at;
    local(time);
    body.append(element("strong", "line-title", line.title), " ", name, element("span", "line-text", line.text));
    item.append(time, body);
    return item;
  }

  function at(item) { return item.querySelector("time").dateTime; }

  // Newest first, by the time of the event; those of one moment as they come.
  function place(item) {
    const before = [...list.children].find((other) => new Date(at(other)) <= new Date(at(item)));
    list.insertBefore(item, before || null);
    document.getElementById("feed-empty").hidden = true;
    while (list.children.length > most) {
      seen.delete(list.lastElementChild.dataset.id);
      list.lastElementChild.remove();
    }
  }

  function take(item) {
    if (seen.has(item.dataset.id)) return; // Kafka delivers at least once
    seen.add(item.dataset.id);
    if (!paused) { place(item); return; }
    waiting.push(item);
    while (waiting.length > most) seen.delete(waiting.shift().dataset.id);
    label();
  }

  // ---- pause ----
  function label() {
    const words = pause.dataset;
    const more = waiting.length ? " (" + words.waiting.replace("{number}", waiting.length) + ")" : "";
    pause.querySelector("span").textContent = (paused ? words.resume : words.pause) + more;
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) { waiting.forEach(place); waiting = []; }
    label();
  });

  // ---- the connection ----
  function show(now, time) {
    if (state.dataset.state === now) return;
    state.dataset.state = now;
    state.querySelector(".connection-text").textContent = state.dataset[now].replace("{time}", time || "");
  }

  async function catchUp() {
    try {
      const answer = await fetch(list.dataset.lines, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      [...found.querySelectorAll("li.line")].reverse().forEach((item) => {
        const own = document.importNode(item, true);
        own.querySelectorAll("time").forEach(local);
        take(own);
      });
    } catch (error) { /* the stream goes on without it */ }
  }

  function connect() {
    source = new EventSource(list.dataset.stream + (last ? "?last=" + encodeURIComponent(last) : ""));
    source.onopen = () => {
      tries = 0;
      show("live");
      setTimeout(catchUp, CATCH_UP);
    };
    source.onmessage = (event) => {
      last = event.lastEventId || last;
      take(drawn(JSON.parse(event.data)));
    };
    source.addEventListener("delayed", () => show("delayed", clock.format(new Date())));
    source.addEventListener("back", () => show("live"));
    source.addEventListener("reset", (event) => { last = event.lastEventId || ""; catchUp(); });
    source.addEventListener("end", (event) => { last = event.lastEventId || last; again(0); });
    source.onerror = () => {
      show("reconnecting");
      if (source.readyState === EventSource.CLOSED) again(WAITS[Math.min(tries++, WAITS.length - 1)]);
    };
  }

  function again(wait) {
    source.close();
    setTimeout(connect, wait);
  }

  list.querySelectorAll("li.line").forEach((item) => seen.add(item.dataset.id));
  list.querySelectorAll("time").forEach(local);
  window.addEventListener("pagehide", () => source && source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
})();
