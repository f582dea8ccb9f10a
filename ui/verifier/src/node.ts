// For tests: reads {kind, policy, file} lines (file and policy in base64) and answers each with verdict and why.
import { kinds } from "./check";
import { parsePolicy, Policy } from "./note";
import { bundle, replay } from "./replay";

declare const process: { stdin: AsyncIterable<Uint8Array>; stdout: { write(s: string): void } };
const nobody: Policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: "none", map: "" };
const bytes = (s: string) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
const text = (b: Uint8Array) => new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(b);

let input = "";
const decoder = new TextDecoder();
for await (const chunk of process.stdin) input += decoder.decode(chunk, { stream: true });
for (const line of input.split("\n")) {
  if (line === "") continue;
  const v = JSON.parse(line);
  const began = performance.now();
  const r = v.kind === "replay" ? replay(bundle(bytes(v.file))) : kinds[v.kind](text(bytes(v.file)), v.policy ? parsePolicy(text(bytes(v.policy))) : nobody);
  process.stdout.write(JSON.stringify({ verdict: r.verdict, why: r.why, detail: r.detail, ms: performance.now() - began }) + "\n");
}
