// Before a sign-in: has the worker that signs requests running, and a key made.
// Where that cannot be (no service workers, a private window) the sign-in goes
// on without, and whoever demands a key says so.
"use strict";
(() => {
  const patience = 4000;
  const within = (ms, promise) => Promise.race([promise, new Promise((_, late) => setTimeout(() => late(new Error("late")), ms))]);
  const prepare = async () => {
    if (!navigator.serviceWorker || !window.isSecureContext) return false;
    await navigator.serviceWorker.register("/worker.js", { scope: "/", updateViaCache: "none" });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    const said = new Promise((done) => { port1.onmessage = (e) => done(e.data === "made"); });
    active.postMessage("make", [port2]);
    return said;
  };
  if (!window.posternDevice) {
    window.posternDevice = within(patience, prepare()).catch(() => false);
    // A form sent before that is held back until it is done.
    let ready = false;
    window.posternDevice.then(() => { ready = true; document.documentElement.dataset.device = "ready"; });
    addEventListener("submit", (e) => {
      const form = e.target;
      if (ready || !form.matches("form[action^='/sign-in']:not([data-passkey])")) return;
      e.preventDefault();
      e.stopPropagation();
      window.posternDevice.then(() => form.requestSubmit(e.submitter));
    }, true);
    // So is a company's own sign-in: its answer comes back as a navigation,
    // which the worker signs if it is there by then.
    addEventListener("click", (e) => {
      const link = e.target.closest?.("a[href^='/oidc/']");
      if (ready || !link) return;
      e.preventDefault();
      e.stopPropagation();
      window.posternDevice.then(() => location.assign(link.href));
    }, true);
  }
  // A page that was refused because it went past the worker (a reload with
  // Shift, or before the worker ran) is asked for again, once.
  const again = document.querySelector("[data-device-again]");
  if (again) {
    const key = "device-again " + location.href;
    const last = Number(sessionStorage.getItem(key));
    if (Date.now() - last > 60000) {
      sessionStorage.setItem(key, Date.now());
      window.posternDevice.then((able) => { if (able) location.replace(again.dataset.deviceAgain); });
    }
  }
})();
