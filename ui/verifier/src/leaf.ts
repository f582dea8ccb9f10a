// Leaves and the records behind them.
import { concat, equal, fail, hex, isZero, mac, uint } from "./bytes";

export const tiers = ["account", "trace", "envelope", "content", "attachment"];

export type Leaf =
  | { type: 1; tag: Uint8Array; commitment: Uint8Array }
  | { type: 2; epoch: number; covered: number; time: number; tags: number; root: Uint8Array }
  | { type: 3; series: number; start: number; end: number; suite: number; key: Uint8Array }
  | { type: 4; kind: number; commitment: Uint8Array }
  | { type: 5; series: number; streams: number; disclosures: number; covered: number; root: Uint8Array };

export type SeriesLeaf = Extract<Leaf, { type: 3 }>;
export type EpochLeaf = Extract<Leaf, { type: 2 }>;

export function month(at: number): { series: number; start: number; end: number } {
  const d = new Date(at), y = d.getUTCFullYear(), m = d.getUTCMonth();
  return { series: y * 100 + m + 1, start: Date.UTC(y, m, 1), end: Date.UTC(y, m + 1, 1) };
}

/** Refuses every byte without a meaning, with a why of the caller's. */
export function parseLeaf(b: Uint8Array, why: string): Leaf {
  if (b.length !== 66 || b[0] !== 1) return fail(why, "not a leaf of this version");
  const last = b.subarray(34, 66);
  switch (b[1]) {
    case 1: return { type: 1, tag: b.subarray(2, 34), commitment: last };
    case 2: return { type: 2, epoch: uint(b, 2, 8), covered: uint(b, 10, 8), time: uint(b, 18, 8), tags: uint(b, 26, 8), root: last };
    case 3: {
      const l = { type: 3 as const, series: uint(b, 2, 4), start: uint(b, 6, 8), end: uint(b, 14, 8), suite: b[22], key: last };
      if (!isZero(b.subarray(23, 34)) || l.suite !== 1 || l.start >= l.end) fail(why, "a series leaf that is none");
      return l;
    }
    case 4: {
      const kind = uint(b, 2, 2);
      if (kind < 1 || kind > 10 || !isZero(b.subarray(4, 34))) fail(why, "a control leaf that is none");
      return { type: 4, kind, commitment: last };
    }
    case 5: {
      if (!isZero(b.subarray(26, 34))) fail(why, "a tally leaf that is none");
      return { type: 5, series: uint(b, 2, 4), streams: uint(b, 6, 4), disclosures: uint(b, 10, 8), covered: uint(b, 18, 8), root: last };
    }
  }
  return fail(why, "a leaf of an unknown type");
}

export interface Disclosure {
  id: string; account: Uint8Array; tier: number; time: number; grant: string; session: string; staff: string;
  reason: number; messages: string[]; count: number; fields: number; node: string;
}

class Reader {
  at = 0;
  constructor(readonly b: Uint8Array) {}
  take(n: number): Uint8Array {
    if (this.at + n > this.b.length) fail("record", "the record is cut short");
    return this.b.subarray(this.at, (this.at += n));
  }
  number(n: number): number { return uint(this.take(n), 0, n); }
  end() { if (this.at !== this.b.length) fail("record", "bytes behind the record"); }
}

export function parseDisclosure(b: Uint8Array): Disclosure {
  const r = new Reader(b);
  if (r.number(1) !== 1) fail("record", "a record of another version");
  const d: Disclosure = {
    id: hex(r.take(16)), account: r.take(16), tier: r.number(1), time: r.number(8), grant: hex(r.take(16)), session: hex(r.take(16)),
    staff: hex(r.take(16)), reason: r.number(1), messages: [], count: 0, fields: 0, node: "",
  };
  const form = r.number(1);
  if (form === 0) {
    const n = (d.count = r.number(2));
    let before: string | null = null;
    for (let i = 0; i < n; i++) {
      const id = hex(r.take(16));
      if (before !== null && id <= before) fail("record", "messages out of order");
      d.messages.push((before = id));
    }
  } else if (form === 1) {
    d.count = r.number(4);
    r.take(32);
    if (d.count === 0) fail("record", "a root over nothing");
  } else fail("record", "messages of an unknown form");
  d.fields = r.number(4);
  const node = r.take(r.number(1));
  if (node.length > 32 || node.some((c) => c < 0x21 || c > 0x7e)) fail("record", "a machine's name that is none");
  d.node = String.fromCharCode(...node);
  r.end();
  if (d.tier < 1 || d.tier > 5 || d.reason < 1 || d.reason > 5) fail("record", "a tier or reason that is none");
  return d;
}

export interface Control { kind: number; time: number; account: Uint8Array; subject: string; detail: string }

export function parseControl(b: Uint8Array): Control {
  const r = new Reader(b);
  if (r.number(1) !== 1) fail("record", "a record of another version");
  r.take(16);
  const kind = r.number(2);
  if (kind < 1 || kind > 10) fail("record", "a kind of act that is none");
  const time = r.number(8), account = r.take(16);
  r.take(32);
  const subject = r.take(r.number(1)), detail = r.take(r.number(2));
  if (subject.length > 64 || detail.length > 4096) fail("record", "too long");
  r.end();
  const text = (x: Uint8Array) => new TextDecoder().decode(x);
  return { kind, time, account, subject: text(subject), detail: text(detail) };
}

export const disclosureLeaf = (tag: Uint8Array, salt: Uint8Array, record: Uint8Array) =>
  concat(Uint8Array.of(1, 1), tag, mac("postern/v1 disclosure commitment", salt, record));

export const controlLeaf = (kind: number, salt: Uint8Array, record: Uint8Array) =>
  concat(Uint8Array.of(1, 4, kind >> 8, kind & 255), new Uint8Array(30), mac("postern/v1 control commitment", salt, record));

export const sameMonth = (l: SeriesLeaf) => { const m = month(l.start); return m.series === l.series && m.start === l.start && m.end === l.end; };
export const sameBytes = equal;
