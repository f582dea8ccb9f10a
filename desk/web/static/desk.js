// What this face's scripts add: passkeys, and the end of what is revealed at the
// moment its grant or its session ends. Without them: the password, and a page
// that the server's Refresh header replaces at the grant's end.
"use strict";
(() => {
  if (window.posternDesk) { window.posternDesk(); return; } // brought again by a navigation
  const $ = (selector) => document.querySelector(selector);

  // Bytes travel as base64url in JSON (WebAuthn Level 3, 5.1.8 and 5.1.9).
  const toBytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const toText = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const post = async (url, body) => {
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: body ? JSON.stringify(body) : "{}" });
    const value = await answer.json();
    if (!answer.ok) throw new Error(value.error || String(answer.status));
    return value;
  };

  const credentialOf = (c) => {
    const r = c.response;
    const response = { clientDataJSON: toText(r.clientDataJSON) };
    if (r.attestationObject) {
      response.attestationObject = toText(r.attestationObject);
      if (r.getTransports) response.transports = r.getTransports();
    } else {
      response.authenticatorData = toText(r.authenticatorData);
      response.signature = toText(r.signature);
      if (r.userHandle) response.userHandle = toText(r.userHandle);
    }
    return { id: c.id, rawId: toText(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined,
      clientExtensionResults: c.getClientExtensionResults(), response };
  };

  const create = async (form) => {
    const query = form.dataset.invite ? "?invite=" + encodeURIComponent(form.dataset.invite) : "";
    const { publicKey } = await post("/passkey/begin" + query);
    publicKey.challenge = toBytes(publicKey.challenge);
    publicKey.user.id = toBytes(publicKey.user.id);
    for (const c of publicKey.excludeCredentials || []) c.id = toBytes(c.id);
    const made = await navigator.credentials.create({ publicKey });
    const label = encodeURIComponent(form.elements.label ? form.elements.label.value : "");
    return post("/passkey/finish" + (query ? query + "&" : "?") + "label=" + label, credentialOf(made));
  };

  const get = async (form) => {
    const { publicKey } = await post("/sign-in/passkey/begin");
    publicKey.challenge = toBytes(publicKey.challenge);
    for (const c of publicKey.allowCredentials || []) c.id = toBytes(c.id);
    const found = await navigator.credentials.get({ publicKey });
    return post("/sign-in/passkey/finish?next=" + encodeURIComponent(form.dataset.next || ""), credentialOf(found));
  };

  document.addEventListener("submit", async (e) => {
    const form = e.target.closest("form[data-passkey]");
    if (!form) return;
    e.preventDefault();
    e.stopPropagation();
    const button = form.querySelector("button");
    const trouble = form.querySelector("[data-trouble]");
    button.disabled = true;
    trouble.hidden = true;
    try {
      const { href } = await (form.dataset.passkey === "create" ? create(form) : get(form));
      location.assign(href);
    } catch (err) {
      // The browser's own words for "cancelled" help nobody.
      trouble.textContent = err instanceof DOMException ? form.dataset.cancelled : err.message;
      trouble.hidden = false;
      button.disabled = false;
    }
  }, true);

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
    const take = (words) => {
      stream.close();
      stream = undefined;
      for (const mark of document.querySelectorAll(".watermark, .countdown, [data-with-reveal]")) mark.remove();
      const gone = document.createElement("p");
      gone.className = "withheld";
      gone.setAttribute("role", "alert");
      gone.textContent = words;
      const now = $("[data-reveal]"); // a later page of the same grant may have taken the first one's place
      if (now) now.replaceChildren(gone);
    };
    stream.addEventListener("ended", (e) => take(e.data));
    // The browser tries again by itself, until the server answers that there is
    // no such stream for this session any more.
    stream.addEventListener("error", () => { if (stream && stream.readyState === EventSource.CLOSED) take(revealed.dataset.gone); });
  };

  const start = () => {
    for (const el of document.querySelectorAll("[data-needs-passkeys]")) el.hidden = !window.PublicKeyCredential;
    for (const el of document.querySelectorAll("[data-without-passkeys]")) el.hidden = Boolean(window.PublicKeyCredential);
    watch();
  };
  window.posternDesk = start;
  document.addEventListener("htmx:afterSettle", start);
  addEventListener("pagehide", () => stream && stream.close());
  start();
})();
