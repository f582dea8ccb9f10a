// What scripts add to pages that work without: focus and words after a
// navigation, single keys, countdowns, the end of a session. No state is kept.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  let saying;
  const say = (text) => {
    const live = $("#live");
    if (!live || !text) return;
    live.textContent = "";
    clearTimeout(saying);
    saying = setTimeout(() => { live.textContent = text; }, 60); // a change is what is read out
  };

  // After a navigation the heading gets the focus, or the errors do.
  const arrive = () => {
    const target = $("#summary") || $("main h1");
    if (target) {
      if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
      target.focus({ preventScroll: target.tagName === "H1" });
    }
    say($$("main .alert-text").map((a) => a.textContent.trim()).join(" ") || document.title);
  };
  document.addEventListener("htmx:afterSettle", (e) => {
    start();
    if (e.detail.boosted || e.detail.target === document.body || e.detail.target.id === "main") arrive();
  });
  // A download is not a page: let the browser have it.
  document.addEventListener("htmx:beforeRequest", (e) => {
    const link = e.detail.elt;
    if (link.matches && link.matches("a[download]")) {
      e.preventDefault();
      location.assign(link.href);
    }
  });
  document.addEventListener("htmx:sendError", () => say(document.body.dataset.offline));

  // Menus close on Escape and on a click elsewhere.
  document.addEventListener("click", (e) => {
    for (const menu of $$("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
  });

  // Keys. Elements carry data-key: "j", "/", or two in turn, "g i".
  let first = "";
  let firstAt = 0;
  const keysOff = () => document.documentElement.dataset.keys === "off";
  const textOf = (el) => {
    const copy = el.cloneNode(true);
    for (const n of copy.querySelectorAll(".count")) n.remove();
    return copy.textContent.trim();
  };
  const nameOf = (el) => el.dataset.keyLabel || el.getAttribute("aria-label") || textOf(el) || el.getAttribute("placeholder") || "";
  const showKeys = () => {
    const dialog = $("#keys");
    const list = $("dl", dialog);
    for (const old of $$("div[data-made]", list)) old.remove();
    const entries = $$("[data-key]").filter((el) => el.offsetParent !== null || el.dataset.keyLabel).map((el) => [el.dataset.key, nameOf(el)]);
    const rows = $("[data-rows]");
    if (rows) entries.unshift(["j", rows.dataset.next], ["k", rows.dataset.previous]);
    for (const [key, name] of entries) {
      const row = document.createElement("div");
      row.dataset.made = "";
      const dt = document.createElement("dt");
      for (const part of key.split(" ")) {
        const kbd = document.createElement("kbd");
        kbd.textContent = part;
        dt.append(kbd, " ");
      }
      const dd = document.createElement("dd");
      dd.textContent = name;
      row.append(dt, dd);
      list.append(row);
    }
    dialog.showModal();
  };
  const step = (by) => {
    const links = $$("[data-rows] a.whole, [data-rows] [data-row]");
    if (!links.length) return false;
    const at = links.findIndex((l) => l === document.activeElement || l.closest("li, tr")?.contains(document.activeElement));
    links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
    return true;
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      for (const menu of $$("details.menu[open]")) { menu.open = false; $("summary", menu).focus(); }
      return;
    }
    if (keysOff() || e.ctrlKey || e.metaKey || e.altKey || $("dialog[open]")) return;
    if (e.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return;
    const now = performance.now();
    const pair = now - firstAt < 1200 && first ? first + " " + e.key : "";
    first = e.key;
    firstAt = now;
    if (e.key === "?") { e.preventDefault(); showKeys(); return; }
    if ((e.key === "j" && step(1)) || (e.key === "k" && step(-1))) { e.preventDefault(); return; }
    const el = (pair && $(`[data-key="${CSS.escape(pair)}"]`)) || $(`[data-key="${CSS.escape(e.key)}"]`);
    if (!el || el.disabled) return;
    e.preventDefault();
    first = "";
    // In a list, a key acts on the row that has the focus when none is ticked.
    const list = el.form && $("[data-rows]", el.form);
    const row = document.activeElement.closest("li, tr");
    if (list && row && list.contains(row) && !$("[data-rows] input:checked", el.form)) {
      const box = $("input[type=checkbox]", row);
      if (box) box.checked = true;
    }
    if (el.matches("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select")) el.focus();
    else el.click();
  });

  // Countdowns. The page already says when; this says how long. It counts from
  // what the server said was left, so the browser's own clock may be wrong.
  const ends = new WeakMap();
  const tick = () => {
    for (const c of $$(".countdown[data-left]")) {
      if (!ends.has(c)) ends.set(c, performance.now() + 1000 * c.dataset.left);
      const left = Math.round((ends.get(c) - performance.now()) / 1000);
      const shown = $(".left", c);
      if (left <= 0) {
        if (!c.dataset.over) {
          c.dataset.over = "1";
          if (c.dataset.done) { $("span", c).textContent = c.dataset.done; say(c.dataset.done); }
        }
        continue;
      }
      const h = Math.floor(left / 3600), m = Math.floor(left / 60) % 60, s = left % 60;
      shown.textContent = (h ? h + ":" + String(m).padStart(2, "0") : m) + ":" + String(s).padStart(2, "0");
      if (left <= 60 && !c.classList.contains("soon")) { c.classList.add("soon"); say(c.dataset.soon); }
    }
  };
  setInterval(tick, 1000);

  // The end of a session takes what is on the screen away, at once.
  let stream;
  const watchEnd = () => {
    const url = document.body.dataset.ends;
    if (stream && stream.url === new URL(url || "", location.href).href) return;
    if (stream) stream.close();
    stream = undefined;
    if (!url) return;
    stream = new EventSource(url);
    stream.addEventListener("presence", (e) => { const p = $("#presence"); if (p) p.textContent = e.data; });
    stream.addEventListener("ended", () => {
      stream.close();
      const text = document.body.dataset.ended;
      document.title = text;
      const end = document.createElement("main");
      end.className = "ended";
      const h1 = document.createElement("h1");
      h1.tabIndex = -1;
      h1.textContent = text;
      end.append(h1);
      document.body.replaceChildren(end);
      h1.focus();
    });
  };
  addEventListener("pagehide", () => stream && stream.close());
  // A page shown again from the browser's memory may be over: ask the server.
  addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

  // One box that ticks them all.
  document.addEventListener("change", (e) => {
    const all = e.target.closest("[data-all]");
    if (all) for (const box of $$(`input[name="${CSS.escape(all.dataset.all)}"]`, all.closest("form"))) box.checked = all.checked;
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
  });
  // Buttons that copy a command.
  document.addEventListener("click", (e) => {
    const b = e.target.closest("[data-copy]");
    if (b && navigator.clipboard) navigator.clipboard.writeText($(b.dataset.copy).textContent.trim()).then(() => say(b.dataset.copied));
  });

  const start = () => {
    for (const el of $$("[data-script]")) el.hidden = false; // what needs this script is hidden until it runs
    tick();
    watchEnd();
    // Where the navigation scrolls sideways, one sees where one is.
    for (const a of $$("nav [aria-current='page']")) for (const box of [a.closest("ul"), a.closest("nav")]) {
      if (box) box.scrollLeft += Math.max(0, a.getBoundingClientRect().right + 24 - box.getBoundingClientRect().right);
    }
  };
  start();
  if ($("#summary")) $("#summary").focus();
})();
