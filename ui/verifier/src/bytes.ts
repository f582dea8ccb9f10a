// Bytes, numbers and hashes as docs/ledger-format.md writes them.
import { sha256 } from "@noble/hashes/sha2.js";
import { hmac } from "@noble/hashes/hmac.js";

/** Why a file is not believed; the codes are those of docs/ledger-format.md. */
export class No extends Error {
  constructor(readonly why: string, detail: string) { super(detail); }
}

export const fail = (why: string, detail: string): never => { throw new No(why, detail); };

export const utf8 = (s: string) => new TextEncoder().encode(s);
export const hash = (...parts: Uint8Array[]) => sha256(concat(...parts));
export const mac = (key: string, ...parts: Uint8Array[]) => hmac(sha256, utf8(key), concat(...parts));

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { out.set(p, at); at += p.length; }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

export const isZero = (b: Uint8Array) => b.every((x) => x === 0);

/** One unsigned big-endian number of n bytes; beyond what a double holds exactly it is refused. */
export function uint(b: Uint8Array, at: number, n: number): number {
  let v = 0;
  for (let i = 0; i < n; i++) v = v * 256 + b[at + i];
  if (!Number.isSafeInteger(v)) fail("format", "a number is too large");
  return v;
}

export function put(n: number, bytes: number): Uint8Array {
  const b = new Uint8Array(bytes);
  for (let i = bytes - 1; i >= 0; i--) { b[i] = n % 256; n = Math.floor(n / 256); }
  return b;
}

export const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, "0")).join("");

export function encode64(b: Uint8Array): string {
  let s = "";
  for (const x of b) s += String.fromCharCode(x);
  return btoa(s);
}

/** Standard, padded, canonical base64 (RFC 4648, 4), or null. */
export function decode64(s: string): Uint8Array | null {
  if (s.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(s)) return null;
  let raw: string;
  try { raw = atob(s); } catch { return null; }
  const b = Uint8Array.from(raw, (c) => c.charCodeAt(0));
  return encode64(b) === s ? b : null;
}

/** A decimal number without sign and leading zeros, or null. */
export function decimal(s: string): number | null {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(s)) return null;
  const n = Number(s);
  return Number.isSafeInteger(n) ? n : null;
}
