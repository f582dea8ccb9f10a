// Signed notes, checkpoints, cosignatures, and the policy that says whom to believe.
import { ed25519 } from "@noble/curves/ed25519.js";
import { concat, decimal, decode64, equal, fail, hash, hex, uint, utf8 } from "./bytes";
import { emptyRoot } from "./tree";

export interface Key { name: string; id: string; type: number; key: Uint8Array }
export interface Signature { name: string; id: string; bytes: Uint8Array }
export interface Note { text: string; signatures: Signature[] }
export interface Checkpoint { origin: string; size: number; root: Uint8Array; note: Note }
interface Group { members: string[]; k: number }
export interface Policy { logs: Key[]; witnesses: Map<string, Key>; groups: Map<string, Group>; quorum: string; map: string }

/** name+id+base64(type || key). */
export function parseKey(text: string, types: number[]): Key {
  const m = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const b = m && decode64(m[3]);
  if (!m || !b || b.length < 2 || !types.includes(b[0])) throw new Error("not a verifier key: " + text);
  if (b.length !== (b[0] === 6 ? 1 + 1312 : 33)) throw new Error("a key of another length: " + text);
  if (hex(hash(utf8(m[1] + "\n"), b)).slice(0, 8) !== m[2]) throw new Error("the id is not this key's: " + text);
  return { name: m[1], id: m[2], type: b[0], key: b.subarray(1) };
}

export function parsePolicy(text: string): Policy {
  const p: Policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: "", map: "" };
  const seen: Key[] = [];
  const material = (k: Key) => {
    if (seen.some((o) => equal(o.key, k.key) && (o.name !== k.name || o.type !== k.type || k.type === 4))) throw new Error("one key under two names");
    seen.push(k);
  };
  const known = (n: string) => p.witnesses.has(n) || p.groups.has(n);
  for (const line of text.split("\n")) {
    const w = line.replace(/#.*/, "").split(/[ \t]+/).filter((x) => x !== "");
    if (w.length === 0) continue;
    if (w[0] === "log" && (w.length === 2 || w.length === 3)) {
      const k = parseKey(w[1], [1, 6]);
      material(k);
      p.logs.push(k);
    } else if (w[0] === "witness" && (w.length === 3 || w.length === 4)) {
      if (known(w[1]) || w[1] === "none" || p.witnesses.size >= 64) throw new Error("a name stands twice: " + w[1]);
      const k = parseKey(w[2], [4, 6]);
      material(k);
      p.witnesses.set(w[1], k);
    } else if (w[0] === "group" && w.length >= 4) {
      const members = w.slice(3);
      const k = w[2] === "any" ? 1 : w[2] === "all" ? members.length : decimal(w[2]) ?? 0;
      if (known(w[1]) || w[1] === "none" || p.groups.size >= 64 || !members.every(known) || new Set(members).size !== members.length || k < 1 || k > members.length) throw new Error("a group that is none: " + w[1]);
      p.groups.set(w[1], { members, k });
    } else if ((w[0] === "quorum" || w[0] === "map") && w.length === 2) {
      const verb = w[0] as "quorum" | "map";
      if (p[verb] !== "" || (w[1] !== "none" && !known(w[1]))) throw new Error(`${verb} ${w[1]}`);
      p[verb] = w[1];
    } else throw new Error("a line that is none of a policy's: " + line);
  }
  if (p.quorum === "") throw new Error("a policy names a quorum, or none");
  return p;
}

/** Whether a witness or group holds when some witnesses do. */
export function holds(p: Policy, name: string, has: (witness: string) => boolean): boolean {
  if (name === "none") return true;
  const g = p.groups.get(name);
  return g ? g.members.filter((m) => holds(p, m, has)).length >= g.k : has(name);
}

export function parseNote(signed: string): Note {
  const cut = signed.indexOf("\n\n");
  if (cut < 0) fail("format", "no empty line before the signatures");
  const text = signed.slice(0, cut + 1);
  const rest = signed.slice(cut + 2);
  if (!rest.endsWith("\n")) fail("format", "no last line feed");
  const signatures: Signature[] = [];
  for (const line of rest.slice(0, -1).split("\n")) {
    const m = /^\u2014 ([^ +\n]+) ([^ ]+)$/.exec(line);
    const b = m && decode64(m[2]);
    if (!m || !b || b.length < 5) return fail("format", "a line that is no signature");
    const s = { name: m[1], id: hex(b.subarray(0, 4)), bytes: b.subarray(4) };
    if (signatures.some((o) => o.name === s.name && o.id === s.id)) fail("format", "two signatures by one key");
    signatures.push(s);
  }
  return { text, signatures };
}

/** Makes sure that a key of the log has signed. */
export function signedBy(note: Note, origin: string, p: Policy) {
  if (p.logs.length === 0) fail("policy", "the policy names no log");
  const keys = p.logs.filter((k) => k.name === origin);
  if (keys.length === 0) fail("origin", `the policy does not know ${origin}`);
  const by = (k: Key) => note.signatures.filter((s) => s.name === k.name && s.id === k.id);
  const ed = keys.filter((k) => k.type === 1);
  if (ed.some((k) => by(k).some((s) => s.bytes.length === 64 && verify(s.bytes, utf8(note.text), k.key)))) return;
  if (keys.some((k) => k.type !== 1 && by(k).length > 0)) fail("algorithm", "ML-DSA is not checked here");
  fail("signature", "no signature by a key of the log holds");
}

function verify(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  try { return ed25519.verify(signature, message, key); } catch { return false; }
}

export function openCheckpoint(signed: string, p: Policy): Checkpoint {
  const note = parseNote(signed);
  const lines = note.text.slice(0, -1).split("\n");
  const size = decimal(lines[1] ?? "");
  const root = decode64(lines[2] ?? "");
  if (lines.length !== 3 || lines[0] === "" || size === null || !root || root.length !== 32) return fail("format", "not a checkpoint");
  if (size === 0 && !equal(root, emptyRoot)) fail("format", "an empty log with a root");
  signedBy(note, lines[0], p);
  return { origin: lines[0], size, root, note };
}

/** Which witnesses of the policy have cosigned, and when, in seconds; of two times the later. */
export function cosignatures(c: Checkpoint, p: Policy): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, k] of p.witnesses) {
    for (const s of c.note.signatures) {
      if (k.type !== 4 || s.name !== k.name || s.id !== k.id || s.bytes.length !== 72) continue;
      const at = uint(s.bytes, 0, 8);
      if (verify(s.bytes.subarray(8), concat(utf8(`cosignature/v1\ntime ${at}\n`), utf8(c.note.text)), k.key)) found.set(name, Math.max(at, found.get(name) ?? 0));
    }
  }
  return found;
}
