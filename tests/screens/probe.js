// What a check asks a page: does it scroll sideways, is text cut off, is the focus seen, did anything get in.
(function () {
  "use strict";
  const box = (element) => element.getBoundingClientRect();
  const style = (element) => getComputedStyle(element);
  const name = (element) => {
    const text = (element.innerText || element.value || element.getAttribute("aria-label") || "").trim();
    const classes = [...element.classList].map((one) => "." + one).join("");
    const id = element.id ? "#" + element.id : "";
    return element.tagName.toLowerCase() + id + classes + (text ? ` "${text.slice(0, 40).replace(/\s+/g, " ")}"` : "");
  };
  // For screen readers only, or closed: nobody sees it. What is so for an element is so for all in it.
  let cropped = new Map();
  const isCropped = (element) => {
    if (!element || element === document.body) return false;
    if (!cropped.has(element)) cropped.set(element, style(element).clipPath === "inset(50%)" || box(element).width <= 1 || isCropped(element.parentElement));
    return cropped.get(element);
  };
  const unseen = (element) =>
    element.closest("dialog:not([open]):not(:target), svg, option, textarea, noscript, script, style, head") !== null ||
    !element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) ||
    isCropped(element);
  function* ancestors(element) { for (let one = element; one && one !== document.body; one = one.parentElement) yield one; }

  function sideways() {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return [];
    const out = [...document.body.querySelectorAll("*")].filter((one) => box(one).right > wide + 1 && !unseen(one));
    return [`${document.documentElement.scrollWidth - wide} px too wide: ${out.slice(0, 3).map(name).join(", ")}`];
  }

  function texts() {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && !unseen(parent)) found.push([walker.currentNode, parent]);
    }
    return found;
  }

  // Text that leaves the box it belongs to, or that an element around it hides without a way to scroll there.
  const BOXES = ".button, .pill, .card, .alert, .table td, .table th, .way, .code, .dialog, .empty, .bar, .side";
  function cut() {
    const found = new Set();
    for (const [node, parent] of texts()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const text = range.getBoundingClientRect();
      const around = parent.closest(BOXES);
      const edge = around && box(around);
      if (edge && (text.left < edge.left - 2 || text.right > edge.right + 2)) found.add(`${name(parent)} leaves ${name(around).split(" ")[0]}`);
      for (const one of ancestors(parent)) {
        const hides = style(one), inside = box(one);
        if (["auto", "scroll"].includes(hides.overflowX)) break;
        if (["hidden", "clip"].includes(hides.overflowX) && (text.right > inside.right + 2 || text.bottom > inside.bottom + 2)) found.add(`${name(parent)} is cut off`);
      }
    }
    return [...found];
  }

  function focus() {
    const element = document.activeElement;
    if (!element || element === document.body) return { name: "", key: "", ring: false, seen: false };
    const area = box(element), look = style(element);
    const places = [0.1, 0.3, 0.5, 0.7, 0.9].flatMap((x) => [0.2, 0.5, 0.8].map((y) => [area.left + area.width * x, area.top + area.height * y]));
    const seen = places.some(([x, y]) => {
      const top = document.elementFromPoint(x, y);
      return top !== null && (element.contains(top) || top.contains(element) && style(element).pointerEvents === "none");
    });
    const label = element.labels && element.labels.length ? element.labels[0].innerText.trim().split("\n")[0] : element.innerText || element.value || element.getAttribute("aria-label") || "";
    const ring = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && area.width > 0;
    return { name: label.trim().replace(/\s+/g, " "), key: name(element) + [...document.querySelectorAll("*")].indexOf(element), ring: ring, seen: seen, tag: element.tagName.toLowerCase(), type: element.type || "" };
  }

  const moving = () => document.getAnimations().filter((one) => one.effect.getComputedTiming().iterations === Infinity).map((one) => name(one.effect.target));

  // Elements that our templates never write: they can only come from what somebody typed.
  function injected() {
    const found = [...document.querySelectorAll("#pwned, [onerror], [onfocus], [onload], [onmouseover], iframe:not([sandbox]), object, embed, base, a[href^='javascript:'], img[src='x'], script:not([src])")];
    return found.map((one) => one.outerHTML.slice(0, 120)).concat(window.pwned === undefined ? [] : ["a script ran"]);
  }

  const all = () => {
    cropped = new Map();
    return { reflow: sideways(), cut: cut(), motion: moving() };
  };

  window.probe = { all: all, focus: focus, moving: moving, injected: injected };
})();
