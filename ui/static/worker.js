// The worker of the staff faces: it signs every request to this origin with a
// key that this browser made and cannot give away (a CryptoKey that is not
// extractable), as a DPoP proof (RFC 9449). A session that was begun with such a
// proof counts with no request that lacks one, so a copied cookie is worth
// nothing elsewhere.
"use strict";
const json = (value) => url64(new TextEncoder().encode(JSON.stringify(value)));
const url64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// What is kept: "key" and "offset", our server's time less this machine's in ms.
const store = (mode, act) => new Promise((done, failed) => {
  const opening = indexedDB.open("postern-device", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
  opening.onerror = () => failed(opening.error);
  opening.onsuccess = () => {
    const db = opening.result;
    const tx = db.transaction("kept", mode);
    const asked = act(tx.objectStore("kept"));
    tx.oncomplete = () => { db.close(); done(asked.result); };
    tx.onabort = tx.onerror = () => { db.close(); failed(tx.error); };
  };
});
const get = (name) => store("readonly", (kept) => kept.get(name));
const put = (name, value) => store("readwrite", (kept) => kept.put(value, name));

let held; // {pair, jwk, offset} for as long as this worker runs
const hold = async () => {
  if (held) return held;
  const pair = await get("key");
  if (!pair) return undefined;
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  held = { pair, jwk: { crv, kty, x, y }, offset: (await get("offset")) || 0 };
  return held;
};

const make = async () => {
  if (await hold()) return;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  await put("key", pair);
  await hold();
};

const proof = async (device, method, url) => {
  const text = json({ typ: "dpop+jwt", alg: "ES256", jwk: device.jwk }) + "." + json({
    jti: url64(crypto.getRandomValues(new Uint8Array(16))), htm: method, htu: url.origin + url.pathname,
    iat: Math.floor((Date.now() + device.offset) / 1000),
  });
  const sign = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, device.pair.privateKey, new TextEncoder().encode(text));
  return text + "." + url64(sign);
};

// answer sends a request again, signed. A navigation's redirects are the
// browser's, which asks here again for each. For a script's the server tells
// the address in a header, because one proof is good for one address alone.
const answer = async (request) => {
  const device = await hold().catch(() => undefined);
  if (!device) return fetch(request);
  const navigation = request.mode === "navigate";
  let method = request.method;
  let url = new URL(request.url);
  let body = method === "GET" || method === "HEAD" ? undefined : await request.arrayBuffer();
  let corrected = false;
  for (let hops = 0; hops < 20; hops++) {
    const headers = new Headers(request.headers);
    headers.set("DPoP", await proof(device, method, url));
    if (!navigation) headers.set("Postern-Hop", "1");
    if (!body) headers.delete("Content-Type");
    const got = await fetch(url, {
      method, headers, body: body && body.byteLength ? body : undefined, mode: "same-origin", credentials: "same-origin", cache: "no-store",
      redirect: navigation ? "manual" : "follow", referrer: request.referrer || undefined, signal: request.signal,
    });
    // A clock that is wrong is set by the server's, once.
    const theirs = Number(got.headers.get("Postern-Time")) * 1000;
    if (got.status === 403 && theirs && !corrected && Math.abs(theirs - Date.now() - device.offset) > 30000) {
      corrected = true;
      device.offset = theirs - Date.now();
      await put("offset", device.offset);
      continue;
    }
    const next = navigation ? null : got.headers.get("Postern-Location");
    if (!next) return got;
    url = new URL(next, url);
    if (url.origin !== self.location.origin) return Response.error();
    method = "GET";
    body = undefined;
  }
  return Response.error();
};

addEventListener("install", () => self.skipWaiting());
addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));
addEventListener("message", (e) => {
  if (e.data === "make") e.waitUntil(make().then(() => e.ports[0].postMessage("made"), () => e.ports[0].postMessage("failed")));
});
addEventListener("fetch", (e) => {
  const request = e.request;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin || url.pathname === "/worker.js" || url.pathname.startsWith("/-/ui/") || url.pathname.startsWith("/static/")) return;
  // What is sent from here counts as this origin's own. So a form that another
  // site sends, or a frame it makes, must not be sent from here: the browser
  // sends that itself, marked as what it is, and the server refuses it.
  const ours = request.referrer.startsWith(self.location.origin + "/");
  const opened = request.method === "GET" && request.mode === "navigate" && request.destination === "document";
  if (ours || opened) e.respondWith(answer(request));
});
