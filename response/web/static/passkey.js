// Signs in with a passkey (WebAuthn Level 3, 5.1). The button is hidden until
// this runs; without it the page's password form does.
"use strict";
(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form || !window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) return;
  form.hidden = false;
  const problem = form.querySelector("[data-problem]");
  form.addEventListener("submit", async (event) => {
    if (form.answer.value) return;
    event.preventDefault();
    problem.hidden = true;
    try {
      const begun = await fetch("/sign-in/passkey/begin", { method: "POST", headers: { "Content-Type": "application/json" } });
      const given = await begun.json();
      if (!begun.ok) throw new Error(given.problem);
      const options = given.options.publicKey || given.options;
      const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.state.value = given.state;
      form.answer.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      // Whoever cancels the prompt knows; everything else is said.
      if (error.name !== "NotAllowedError" && error.name !== "AbortError") {
        problem.textContent = error.message;
        problem.hidden = false;
      }
    }
  });
})();
