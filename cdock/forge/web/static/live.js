// Keeps a page fresh: asks for it again every two seconds with its ETag and takes over the parts that changed.
// What somebody is doing (typing, a fold they opened, focus, scroll position) is never taken away from them.
"use strict";

(() => {
  const EVERY = 2000;
  const LONGEST = 30000;
  const main = document.querySelector("main[data-live]");
  if (!main) return;

  const news = document.getElementById("news");
  const shown = new Map(); // part or entry → its HTML as the server last sent it
  let etag = null;
  let failures = 0;
  let timer = 0;

  const parts = (root) => root.querySelectorAll("[data-part]");
  const remember = (key, element) => shown.set(key, element.outerHTML);
  const changed = (key, element) => shown.get(key) !== element.outerHTML;

  for (const part of parts(document)) {
    remember(part.dataset.part, part);
    if ("keyed" in part.dataset) for (const entry of part.children) remember(entry.id, entry);
  }

  function touched(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field instanceof HTMLSelectElement) return [...field.options].some((o) => o.selected !== o.defaultSelected);
    return field.type !== "hidden" && field.value !== field.defaultValue;
  }

  // A select whose first option is chosen by the browser alone counts as untouched.
  function busy(element) {
    const focused = document.activeElement;
    if (element.contains(focused) && focused.matches("input, textarea, select")) return true;
    return [...element.querySelectorAll("input, textarea, select")].some((field) => {
      if (field instanceof HTMLSelectElement && !field.querySelector("[selected]")) return field.selectedIndex > 0;
      return touched(field);
    });
  }

  function replace(old, fresh) {
    const folds = [...old.querySelectorAll("details")];
    [...fresh.querySelectorAll("details")].forEach((fold, index) => {
      if (folds[index]) fold.open = folds[index].open;
    });
    const places = "a[href], button, summary, [tabindex]";
    const at = old.contains(document.activeElement) ? [...old.querySelectorAll(places)].indexOf(document.activeElement) : -1;
    old.replaceWith(fresh);
    if (at >= 0) fresh.querySelectorAll(places)[at]?.focus({ preventScroll: true });
  }

  // Returns false when something had to wait because somebody is using it.
  function merge(key, old, fresh) {
    if (!changed(key, fresh)) return true;
    if (busy(old)) return false;
    remember(key, fresh);
    replace(old, document.importNode(fresh, true));
    return true;
  }

  function mergeEntries(old, fresh) {
    let complete = true;
    let before = null;
    let added = 0;
    const wanted = new Set([...fresh.children].map((entry) => entry.id));
    for (const entry of [...old.children]) if (!wanted.has(entry.id) && !busy(entry)) entry.remove();
    for (const entry of fresh.children) {
      const known = document.getElementById(entry.id);
      if (known) {
        complete = merge(entry.id, known, entry) && complete;
      } else {
        remember(entry.id, entry);
        const made = document.importNode(entry, true);
        if (before) before.after(made);
        else old.prepend(made);
        added += 1;
      }
      before = document.getElementById(entry.id);
    }
    if (added) say(added === 1 ? "1 new entry" : `${added} new entries`);
    return complete;
  }

  function say(words) {
    news.textContent = words;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { news.textContent = ""; }, 4000);
  }

  function take(html, tag) {
    const page = new DOMParser().parseFromString(html, "text/html");
    let complete = true;
    const colours = page.getElementById("label-colours");
    const known = document.getElementById("label-colours");
    if (colours && !known) document.head.append(document.importNode(colours, true));
    else if (colours && colours.getAttribute("href") !== known.getAttribute("href")) known.href = colours.getAttribute("href");
    for (const fresh of parts(page)) {
      const name = fresh.dataset.part;
      const old = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
      if (!old) continue;
      const done = "keyed" in fresh.dataset ? mergeEntries(old, fresh) : merge(name, old, fresh);
      complete = done && complete;
    }
    if (page.title) document.title = page.title;
    etag = complete ? tag : null; // something waits: ask for the whole page again
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      const answer = await fetch(location.href, { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.ok) take(await answer.text(), answer.headers.get("ETag"));
      else if (answer.status !== 304) throw new Error(String(answer.status));
      if (failures) news.textContent = "";
      failures = 0;
    } catch {
      failures += 1;
      if (failures === 3) news.textContent = "The forge does not answer; this page may be old.";
    }
  }

  async function loop() {
    clearTimeout(timer);
    await refresh();
    timer = setTimeout(loop, Math.min(EVERY * 2 ** failures, LONGEST));
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) loop(); });
  timer = setTimeout(loop, EVERY);
})();
