// Passkeys (WebAuthn Level 3, 5.1): creates one or signs in with one. The form
// is hidden until this runs; without it the password's form does. It asks
// data-begin for the ceremony's options and state, then sends itself with the
// authenticator's answer, so that what follows is an ordinary navigation.
"use strict";
(() => {
  const able = () => Boolean(window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON);
  const start = () => {
    for (const el of document.querySelectorAll("[data-needs-passkeys]")) el.hidden = !able();
    for (const el of document.querySelectorAll("[data-without-passkeys]")) el.hidden = able();
    // An invitation travels behind the #, where no server's log sees it, and
    // leaves the address before anything else can read it there.
    const invited = document.querySelector("form[data-passkey] input[name=invite]");
    if (invited && location.hash.length > 1) {
      invited.value = location.hash.slice(1);
      history.replaceState(history.state, "", location.pathname + location.search);
    }
  };
  if (window.posternPasskeys) { window.posternPasskeys(); return; } // brought again by a navigation
  window.posternPasskeys = start;

  const answer = async (form) => {
    const begun = await fetch(form.dataset.begin, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const given = await begun.json();
    if (!begun.ok) throw new Error(given.problem);
    const options = given.options.publicKey;
    const made = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    await window.posternDevice; // a sign-in that binds the session to this browser's key (device.js)
    form.elements.state.value = given.state;
    form.elements.answer.value = JSON.stringify(made.toJSON());
    form.submit();
  };

  document.addEventListener("submit", (e) => {
    const form = e.target.closest("form[data-passkey]");
    if (!form) return;
    e.preventDefault();
    e.stopPropagation();
    const button = form.querySelector("button");
    const problem = form.querySelector("[data-problem]");
    button.disabled = true;
    problem.hidden = true;
    answer(form).catch((err) => {
      // The browser's own words for "cancelled" help nobody.
      problem.textContent = err instanceof DOMException ? form.dataset.cancelled : err.message;
      problem.hidden = false;
      button.disabled = false;
    });
  }, true);
  start();
})();
