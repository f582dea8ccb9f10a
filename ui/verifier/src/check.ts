// The checks of docs/ledger-format.md, in its order.
import { decimal, decode64, equal, fail, hash, hex, No, utf8 } from "./bytes";
import { File } from "./file";
import { controlLeaf, disclosureLeaf, EpochLeaf, Leaf, parseControl, parseDisclosure, parseLeaf, sameMonth, SeriesLeaf, tiers, Disclosure } from "./leaf";
import { lookUp } from "./map";
import { Checkpoint, cosignatures, holds, openCheckpoint, parseNote, Policy, signedBy } from "./note";
import { consistent, included, leafHash } from "./tree";
import { alpha, tagOf } from "./vrf";

export type Verdict = "verified" | "refuted" | "cannot tell";
export interface Report {
  kind: string; verdict: Verdict; why: string; detail: string;
  says: { name: string; args: string[] }[]; facts: { name: string; value: string }[]; limits: string[]; rests: boolean;
}

const cannotTell = new Set(["edge", "unwitnessed", "erased", "word", "policy", "algorithm", "unknown-file"]);
const mergeDelay = 3600000;

function run(kind: string, check: (r: Report) => void): Report {
  const r: Report = { kind, verdict: "verified", why: "", detail: "", says: [], facts: [], limits: [], rests: false };
  try {
    check(r);
  } catch (e) {
    const no = e instanceof No ? e : new No("format", String(e));
    r.why = no.why;
    r.detail = no.message;
    r.verdict = cannotTell.has(no.why) ? "cannot tell" : "refuted";
  }
  return r;
}

const heads = (r: Report, prefix: string, c: Checkpoint) => r.facts.push({ name: prefix + "size", value: String(c.size) });
const inTree = (leaf: Uint8Array, index: number, path: Uint8Array[], c: Checkpoint) => {
  if (!included(index, c.size, leafHash(leaf), path, c.root)) fail("inclusion", `not leaf ${index} of ${c.size}`);
};

function follows(older: Checkpoint, newer: Checkpoint, path: Uint8Array[]) {
  if (older.origin !== newer.origin) fail("origin", "two logs");
  if (older.size > newer.size) fail("rollback", "the newer one is smaller");
  if (older.size === newer.size && !equal(older.root, newer.root)) fail("fork", "one size, two roots");
  if (!consistent(older.size, newer.size, path, older.root, newer.root)) fail("consistency", "the newer tree does not contain the older one");
}

export const checkCheckpoint = (text: string, p: Policy) => run("checkpoint", (r) => {
  r.limits.push("not-leaves", "not-only");
  const c = openCheckpoint(text, p);
  r.facts.push({ name: "origin", value: c.origin });
  heads(r, "", c);
});

export const checkInclusion = (text: string, p: Policy) => run("inclusion", (r) => {
  r.limits.push("not-content", "not-only");
  const f = new File(text, "postern/inclusion@v1", 256 << 10);
  const leaf = f.bytes("leaf"), index = f.number("index"), path = f.path("path");
  const c = openCheckpoint(f.note(true), p);
  heads(r, "", c);
  r.facts.push({ name: "index", value: String(index) });
  inTree(leaf, index, path, c);
});

export const checkConsistency = (text: string, p: Policy) => run("consistency", (r) => {
  r.limits.push("not-leaves", "not-only");
  const f = new File(text, "postern/consistency@v1", 256 << 10);
  const path = f.path("path"), a = f.note(false), b = f.note(true);
  const older = openCheckpoint(a, p), newer = openCheckpoint(b, p);
  heads(r, "older-", older);
  heads(r, "newer-", newer);
  follows(older, newer, path);
});

function series(leaf: Uint8Array): SeriesLeaf {
  const l = parseLeaf(leaf, "series");
  if (l.type !== 3 || !sameMonth(l)) return fail("series", "not the leaf of a month");
  return l;
}

function told(r: Report, d: Disclosure) {
  for (const [name, value] of [["time", new Date(d.time).toISOString()], ["tier", tiers[d.tier - 1]], ["account", hex(d.account)], ["staff", d.staff], ["session", d.session], ["grant", d.grant], ["messages", String(d.count)], ["node", d.node]]) r.facts.push({ name, value });
}

export const checkRecord = (text: string, p: Policy) => run("record", (r) => {
  r.limits.push("not-keyboard", "not-bypass");
  const f = new File(text, "postern/record@v1", 256 << 10);
  const kind = f.value("kind");
  if (kind !== "disclosure" && kind !== "control") fail("format", "a record of an unknown kind");
  const record = f.bytes("record"), salt = f.bytes("salt", 32);
  const s = kind === "control" ? null : {
    n: f.number("n", 0xffffffff), vrf: f.bytes("vrf", 80), leaf: f.bytes("series-leaf", 66), index: f.number("series-index"), path: f.path("series-path"),
  };
  const index = f.number("index"), path = f.path("path");
  const c = openCheckpoint(f.note(true), p);
  heads(r, "", c);
  r.facts.push({ name: "index", value: String(index) });
  if (!s) {
    const act = parseControl(record);
    r.facts.push({ name: "time", value: new Date(act.time).toISOString() }, { name: "subject", value: act.subject }, { name: "detail", value: act.detail });
    inTree(controlLeaf(act.kind, salt, record), index, path, c);
    return;
  }
  const d = parseDisclosure(record);
  told(r, d);
  const l = series(s.leaf);
  inTree(s.leaf, s.index, s.path, c);
  if (d.time < l.start || d.time >= l.end) fail("series", "the record is of another month");
  const tag = s.n < 1 ? null : tagOf(l.key, alpha(l.series, d.account, d.tier, s.n), s.vrf);
  if (!tag) return fail("tag", "the VRF proof does not hold");
  inTree(disclosureLeaf(tag, salt, record), index, path, c);
});

export interface Said { log: string; account: string; name: string; from: number; until: number; tier: string; finding: string; count: number; issued: number; erased: number | null; gate: boolean; proof: Uint8Array | null }

function parseStatement(text: string): Said {
  const f = new File(text, "postern/statement@v1", 64 << 10);
  const optional = (name: string) => { const v = f.value(name); if (v === "-") return null; return decimal(v) ?? fail("format", `"${name}" is no number`); };
  const s: Said = {
    log: f.value("log"), account: f.value("account"), name: f.value("name"), from: f.number("from"), until: f.number("until"), tier: f.value("tier"),
    finding: f.value("finding"), count: f.number("count"), issued: f.number("issued"), erased: optional("erased"), gate: false, proof: null,
  };
  const gate = f.value("gate"), proof = f.value("proof");
  s.gate = gate === "only";
  if (proof !== "-") {
    s.proof = decode64(proof);
    if (!s.proof || s.proof.length !== 32) fail("format", "a hash that is none");
  }
  if (gate !== "only" && gate !== "-") fail("format", "a gate that is none");
  if (!/^[0-9a-f]{32}$/.test(s.account) || !tiers.includes(s.tier) || !["none", "accessed", "erased", "unproved"].includes(s.finding)) fail("format", "a word that is none of the format's");
  // eslint-disable-next-line no-control-regex
  if (s.name === "" || utf8(s.name).length > 320 || /[\u0000-\u001f\u007f-\u009f]/.test(s.name)) fail("format", "a name that is none");
  if (s.finding === "erased" && s.erased === null) fail("format", "an erasure without its time");
  let rest = "";
  try { rest = f.line(); } catch { rest = ""; }
  if (rest !== "") fail("format", "more lines than a statement has");
  return s;
}

export const checkStatement = (text: string, p: Policy) => run("statement", (r) => {
  r.limits.push("not-round", "not-who", "not-password", "not-before", "not-number");
  if (!text.startsWith("postern/statement@v1\n")) fail("unknown-file", "not a statement");
  const note = parseNote(text), s = parseStatement(note.text);
  signedBy(note, s.log, p);
  r.facts.push({ name: "name", value: s.name }, { name: "account", value: s.account }, { name: "from", value: new Date(s.from).toISOString() }, { name: "until", value: new Date(s.until).toISOString() }, { name: "tier", value: s.tier });
  if (s.proof || s.finding === "none" || s.finding === "accessed") fail("proof", "it speaks of a proof");
  if (s.finding === "erased") fail("erased", "erased on " + new Date(s.erased!).toISOString());
  fail("word", "the provider's word");
});

interface Access { n: number; vrf: Uint8Array; map: Uint8Array; record: Uint8Array | null; salt: Uint8Array; path: Uint8Array[] }
interface Stream { series: number; tier: number; before: number; beforeVRF?: Uint8Array; beforeMap?: Uint8Array; accesses: Access[]; afterVRF: Uint8Array; afterMap: Uint8Array }

function months(from: number, until: number): number[] {
  const out: number[] = [];
  const d = new Date(from);
  for (let y = d.getUTCFullYear(), m = d.getUTCMonth(); Date.UTC(y, m, 1) < until && out.length <= 120; m++) {
    if (m === 12) { y++; m = 0; if (Date.UTC(y, m, 1) >= until) break; }
    out.push(y * 100 + m + 1);
  }
  return out;
}

export const checkNonAccess = (text: string, p: Policy) => run("non-access", (r) => {
  r.limits.push("not-round", "not-who", "not-password", "not-before", "not-number");
  const f = new File(text, "postern/non-access@v1", 4 << 20);
  const account = f.value("account"), tierName = f.value("tier"), from = f.number("from"), until = f.number("until");
  const tier = tiers.indexOf(tierName) + 1;
  if (!/^[0-9a-f]{32}$/.test(account) || tier === 0) fail("format", "an account or tier that is none");
  const id = Uint8Array.from(account.match(/../g)!, (x) => parseInt(x, 16));
  const epochBytes = f.bytes("epoch-leaf", 66), epochIndex = f.number("epoch-index"), epochPath = f.path("epoch-path");
  const seriesProofs = Array.from({ length: f.number("series", 120) }, () => ({ leaf: f.bytes("series-leaf", 66), index: f.number("series-index"), path: f.path("series-path") }));
  if (seriesProofs.length === 0) fail("format", "no month");
  const streams: Stream[] = [];
  let total = 0;
  for (let k = f.number("streams", 600); k > 0; k--) {
    const [month, name, more] = f.value("stream").split(" ");
    const n = decimal(month), t = tiers.indexOf(name) + 1;
    if (n === null || t === 0 || more !== undefined) return fail("format", "a stream that is none");
    const s: Stream = { series: n, tier: t, before: f.number("before", 0xffffffff), accesses: [], afterVRF: new Uint8Array(), afterMap: new Uint8Array() };
    if (s.before > 0) { s.beforeVRF = f.bytes("before-vrf", 80); s.beforeMap = f.bytes("before-map"); }
    const count = f.number("accessed", 1000);
    if ((total += count) > 1000) fail("format", "too many accesses");
    for (let i = 1; i <= count; i++) {
      const a: Access = { n: f.number("access", 0xffffffff), vrf: f.bytes("access-vrf", 80), map: f.bytes("access-map"), record: f.optional("record"), salt: new Uint8Array(), path: [] };
      if (a.record) { a.salt = f.bytes("salt", 32); a.path = f.path("access-path"); }
      s.accesses.push(a);
    }
    s.afterVRF = f.bytes("after-vrf", 80);
    s.afterMap = f.bytes("after-map");
    streams.push(s);
  }
  const startPath = f.path("start-path"), endPath = f.path("end-path");
  const startNote = f.note(false), endNote = f.note(false), latestNote = f.note(false), statementNote = f.note(true);
  const hashed = text.slice(0, text.indexOf("\n\n") + 1);
  if (from >= until) fail("format", "the window ends before it begins");

  // 1
  const touched = months(from, until);
  if (touched.length !== seriesProofs.length) fail("window", "other months than the window touches");
  if (streams.length !== touched.length * (6 - tier)) fail("window", "other streams than the window has");
  streams.forEach((s, i) => { if (s.series !== touched[Math.floor(i / (6 - tier))] || s.tier !== tier + (i % (6 - tier))) fail("window", "a stream that the window has not there"); });
  // 2
  const note = parseNote(statementNote), said = parseStatement(note.text);
  signedBy(note, said.log, p);
  if (said.account !== account || said.from !== from || said.until !== until || said.tier !== tierName || said.count !== total || said.finding !== (total > 0 ? "accessed" : "none") || said.erased !== null || !said.gate || !said.proof || !equal(said.proof, hash(utf8(hashed)))) fail("statement", "the statement says something else");
  for (const [name, value] of [["name", said.name], ["account", account], ["from", new Date(from).toISOString()], ["until", new Date(until).toISOString()], ["tier", tierName]]) r.facts.push({ name, value });
  // 3
  const start = openCheckpoint(startNote, p), end = openCheckpoint(endNote, p), latest = openCheckpoint(latestNote, p);
  if (said.log !== latest.origin) fail("origin", "a statement of another log");
  follows(start, end, startPath);
  follows(end, latest, endPath);
  heads(r, "start-", start);
  heads(r, "end-", end);
  heads(r, "latest-", latest);
  // 4
  const epoch: Leaf = parseLeaf(epochBytes, "epoch");
  if (epoch.type !== 2 || epoch.covered !== epochIndex) return fail("epoch", "not an epoch leaf at its place");
  inTree(epochBytes, epochIndex, epochPath, latest);
  if (end.size > (epoch as EpochLeaf).covered + 1) fail("epoch", "the map is older than the window");
  // 5
  const keys = new Map<number, SeriesLeaf>();
  seriesProofs.forEach((s, i) => {
    const l = series(s.leaf);
    if (l.series !== touched[i]) fail("series", "a leaf of another month");
    inTree(s.leaf, s.index, s.path, latest);
    keys.set(l.series, l);
  });
  // 6
  const outside: boolean[] = [];
  for (const s of streams) {
    const month = keys.get(s.series)!;
    const place = (n: number, vrf: Uint8Array, proof: Uint8Array) => {
      const tag = tagOf(month.key, alpha(s.series, id, s.tier, n), vrf);
      if (!tag) return fail("tag", "a VRF proof does not hold");
      return { tag, index: lookUp(proof, tag, epoch.root) };
    };
    if (s.before > 0) {
      const { index } = place(s.before, s.beforeVRF!, s.beforeMap!);
      if (index === null || index >= start.size) fail("place", "the last one before the window is not before it");
    }
    for (const [i, a] of s.accesses.entries()) {
      if (a.n !== s.before + i + 1) fail("place", "an access is out of order");
      const { tag, index } = place(a.n, a.vrf, a.map);
      if (index === null || index < start.size || index >= end.size) return fail("place", "an access is not where the window is");
      if (a.record) {
        const d = parseDisclosure(a.record);
        if (!equal(d.account, id) || d.tier !== s.tier || d.time < month.start || d.time >= month.end) fail("record", "the record of something else");
        inTree(disclosureLeaf(tag, a.salt, a.record), index, a.path, latest);
        outside.push(d.time < from || d.time >= until);
        told(r, d);
      } else outside.push(false);
      if (!outside[outside.length - 1]) r.says.push({ name: "accessed", args: [String(a.n), tiers[s.tier - 1]] });
    }
    const { index } = place(s.before + s.accesses.length + 1, s.afterVRF, s.afterMap);
    if (index !== null && index < end.size) fail("place", "one more stands before the window's end");
  }
  // 7
  const unwitnessed = p.quorum === "none" || p.map === "";
  if (p.quorum !== "none") {
    const a = cosignatures(start, p), b = cosignatures(end, p), c = cosignatures(latest, p);
    if (!holds(p, p.quorum, (w) => a.has(w) && a.get(w)! * 1000 <= from)) fail("witness", "no quorum before the window");
    if (!holds(p, p.quorum, (w) => b.has(w) && b.get(w)! * 1000 >= until + mergeDelay)) fail("witness", "no quorum an hour after the window");
    if (!holds(p, p.quorum, (w) => c.has(w))) fail("witness", "no quorum for the latest");
    if (p.map !== "" && !holds(p, p.map, (w) => c.has(w))) fail("witness", "nobody who replays the map");
  }
  if (outside.some((x) => !x)) fail("accessed", `${total} in all`);
  if (outside.length > 0) fail("edge", "an access near the window's edge");
  r.says.push({ name: "none", args: [String(start.size), String(end.size)] });
  r.rests = true;
  if (unwitnessed) fail("unwitnessed", "no witness says when");
});

/** The kind of a file by its first line, or "checkpoint". */
export function check(text: string, p: Policy): Report {
  const first = text.slice(0, text.indexOf("\n"));
  switch (first) {
    case "postern/inclusion@v1": return checkInclusion(text, p);
    case "postern/consistency@v1": return checkConsistency(text, p);
    case "postern/record@v1": return checkRecord(text, p);
    case "postern/non-access@v1": return checkNonAccess(text, p);
    case "postern/statement@v1": return checkStatement(text, p);
  }
  return first.startsWith("postern/") ? run("statement", () => fail("unknown-file", first)) : checkCheckpoint(text, p);
}

export const kinds: Record<string, (text: string, p: Policy) => Report> = {
  checkpoint: checkCheckpoint, inclusion: checkInclusion, consistency: checkConsistency, record: checkRecord, "non-access": checkNonAccess, statement: checkStatement,
};
