// The map from tag to index: its proofs, and its root from the leaves.
import { equal, fail, isZero, put, uint } from "./bytes";
import { mapEntry, mapParent } from "./tree";

const bit = (tag: Uint8Array, i: number) => (tag[i >> 3] >> (7 - (i & 7))) & 1;
const zero = new Uint8Array(32);

/** The index that the map with this root holds for a tag, or null when it is absent. */
export function lookUp(proof: Uint8Array, tag: Uint8Array, root: Uint8Array): number | null {
  let at = 0;
  const take = (n: number) => {
    if (at + n > proof.length) fail("map", "the map proof is cut short");
    return proof.subarray(at, (at += n));
  };
  if (take(1)[0] !== 1) fail("map", "a map proof of another version");
  const end = take(1)[0];
  let found: number | null = null, r = zero, other: Uint8Array | null = null;
  if (end === 1) {
    const index = take(8);
    found = uint(index, 0, 8);
    r = mapEntry(tag, index);
  } else if (end === 3) {
    other = take(32);
    r = mapEntry(other, take(8));
  } else if (end !== 2) fail("map", "a map proof of an unknown end");
  const depth = uint(take(2), 0, 2);
  if (depth > 256) fail("map", "deeper than a tag has bits");
  const bitmap = take(Math.ceil(depth / 8));
  for (let i = depth; i < bitmap.length * 8; i++) if (bit(bitmap, i)) fail("map", "an unused bit is set");
  const siblings: Uint8Array[] = [];
  for (let i = 0; i < depth; i++) {
    const s = bit(bitmap, i) ? take(32) : zero;
    if (bit(bitmap, i) && isZero(s)) fail("map", "an absent sibling is written out");
    siblings.push(s);
  }
  if (at !== proof.length) fail("map", "bytes behind the map proof");
  if (depth > 0 && isZero(siblings[depth - 1])) fail("map", "the lowest sibling is absent");
  if (other) {
    if (depth > 255 || equal(other, tag)) fail("map", "the other entry is the one that was searched");
    for (let i = 0; i < depth; i++) if (bit(other, i) !== bit(tag, i)) fail("map", "the other entry is not on the path");
  }
  for (let d = depth - 1; d >= 0; d--) r = bit(tag, d) === 0 ? mapParent(r, siblings[d]) : mapParent(siblings[d], r);
  if (!equal(r, root)) fail("map", "the map proof does not lead to the root");
  return found;
}

export interface Entry { tag: Uint8Array; index: number }

/** The root of the map over entries whose tags differ. */
export function mapRoot(entries: Entry[], depth = 0): Uint8Array {
  if (entries.length === 0) return zero;
  if (entries.length === 1) return mapEntry(entries[0].tag, put(entries[0].index, 8));
  return mapParent(mapRoot(entries.filter((e) => bit(e.tag, depth) === 0), depth + 1), mapRoot(entries.filter((e) => bit(e.tag, depth) === 1), depth + 1));
}
