// The page's side: elements with data-postern-check are filled in by themselves,
// and the form of /check reads files from this computer. Nothing is sent anywhere.
import { check } from "./check";
import { parsePolicy } from "./note";
import { say, tell } from "./words";

const lang = document.documentElement.lang === "fr" ? "fr" : "en";
const element = (name: string, text = "", cls = "") => {
  const e = document.createElement(name);
  e.textContent = text;
  if (cls) e.className = cls;
  return e;
};

/** Brief leaves out what the page says around it. */
function show(into: HTMLElement, file: string, policy: string, brief: boolean) {
  let report;
  const began = performance.now();
  try {
    report = check(file, parsePolicy(policy));
  } catch (e) {
    report = { kind: "", verdict: "cannot tell" as const, why: "policy", detail: String(e), says: [], facts: [], limits: [], rests: false };
  }
  const took = performance.now() - began;
  const told = tell(report, lang);
  const verdict = element("p", "", "verdict");
  verdict.append(element("strong", brief ? say(lang, "here").replace("%s", told.verdict) : told.verdict));
  into.dataset.verdict = report.verdict;
  into.dataset.why = report.why;
  into.dataset.milliseconds = took.toFixed(1);
  into.replaceChildren(verdict);
  for (const s of brief ? [told.because] : [told.because, ...told.says, told.rests]) if (s) into.append(element("p", s));
  if (report.facts.length > 0 && !brief) {
    const list = element("dl", "", "facts");
    for (const f of report.facts) {
      const row = element("div");
      row.append(element("dt", say(lang, "fact." + f.name)), element("dd", f.value));
      list.append(row);
    }
    into.append(list);
  }
  if (told.not.length > 0 && !brief) {
    const list = element("ul");
    list.append(...told.not.map((n) => element("li", n)));
    into.append(element("p", told.notTitle), list);
  }
  if (told.detail) into.append(element("p", told.detail, "note"));
  into.hidden = false;
}

const read = (f: File) => f.arrayBuffer().then((b) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(b));
const get = (url: string) => fetch(url, { credentials: "same-origin" }).then((r) => (r.ok ? r.arrayBuffer() : Promise.reject(new Error(String(r.status))))).then((b) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(b));

function start() {
  for (const e of document.querySelectorAll<HTMLElement>("[data-postern-check]:not([data-verdict])")) {
    const file = e.dataset.posternCheck!, policy = e.dataset.policy!;
    e.dataset.verdict = "";
    Promise.all([get(file), get(policy)]).then(([f, p]) => show(e, f, p, true), () => { e.hidden = true; });
  }
  const form = document.querySelector<HTMLFormElement>("#check-form");
  const result = document.querySelector<HTMLElement>("#check-result");
  if (!form || !result || form.dataset.ready) return;
  form.dataset.ready = "1";
  const chosen = form.querySelector<HTMLInputElement>("input[name=file]")!, policy = form.querySelector<HTMLTextAreaElement>("textarea")!;
  const whom = form.querySelector<HTMLInputElement>("input[name=policy-file]");
  whom?.addEventListener("change", () => { if (whom.files?.[0]) read(whom.files[0]).then((t) => { policy.value = t; }); });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const f = chosen.files?.[0];
    if (f) read(f).then((t) => { show(result, t, policy.value, false); result.focus(); });
  });
  form.hidden = false;
  document.querySelector("#check-noscript")?.remove();
}

document.addEventListener("DOMContentLoaded", start);
document.addEventListener("htmx:afterSettle", start);
if (document.readyState !== "loading") start();
