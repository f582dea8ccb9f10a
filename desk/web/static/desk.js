// What is revealed ends at the moment its grant or its session does. Without
// this script, the server's Refresh header replaces the page at the grant's end.
"use strict";
(() => {
  if (window.posternDesk) { window.posternDesk(); return; } // brought again by a navigation
  const $ = (selector) => document.querySelector(selector);

  // What is revealed goes when its stream says so.
  let stream;
  const watch = () => {
    const revealed = $("[data-reveal]");
    const url = revealed && new URL(revealed.dataset.reveal, location.href).href;
    if (stream && stream.url === url) return;
    if (stream) stream.close();
    stream = undefined;
    if (!url) return;
    stream = new EventSource(url);
    const take = (words, all) => {
      stream.close();
      stream = undefined;
      for (const mark of document.querySelectorAll(".watermark, .countdown, [data-with-reveal]")) mark.remove();
      const gone = document.createElement("p");
      gone.className = "withheld";
      gone.setAttribute("role", "alert");
      gone.textContent = words;
      const now = $(all ? "main" : "[data-reveal]"); // a later page of the same grant may have taken the first one's place
      if (now) now.replaceChildren(gone);
    };
    let all = false;
    stream.addEventListener("session", () => { all = true; });
    stream.addEventListener("ended", (e) => take(e.data, all));
    // The browser tries again by itself, until the server answers that there is
    // no such stream for this session any more.
    stream.addEventListener("error", () => { if (stream && stream.readyState === EventSource.CLOSED) take(revealed.dataset.gone); });
  };

  const start = () => {
    watch();
  };
  window.posternDesk = start;
  document.addEventListener("htmx:afterSettle", start);
  addEventListener("pagehide", () => stream && stream.close());
  start();
})();
