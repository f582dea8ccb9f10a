// The Merkle tree of RFC 6962: hashes, inclusion, consistency.
import { concat, equal, hash } from "./bytes";

export const leafHash = (leaf: Uint8Array) => hash(Uint8Array.of(0), leaf);
const node = (l: Uint8Array, r: Uint8Array) => hash(Uint8Array.of(1), l, r);
export const emptyRoot = hash(new Uint8Array(0));

/** The root of a whole tree. */
export function treeRoot(leaves: Uint8Array[]): Uint8Array {
  // A stack of the roots of full subtrees, the largest first.
  const stack: { size: number; root: Uint8Array }[] = [];
  for (const l of leaves) {
    let top = { size: 1, root: leafHash(l) };
    while (stack.length && stack[stack.length - 1].size === top.size) {
      const left = stack.pop()!;
      top = { size: 2 * top.size, root: node(left.root, top.root) };
    }
    stack.push(top);
  }
  if (!stack.length) return emptyRoot;
  let root = stack.pop()!.root;
  while (stack.length) root = node(stack.pop()!.root, root);
  return root;
}

/** RFC 9162, 2.1.3.2. */
export function included(index: number, size: number, leaf: Uint8Array, path: Uint8Array[], root: Uint8Array): boolean {
  if (index >= size) return false;
  let fn = BigInt(index), sn = BigInt(size - 1), r = leaf;
  for (const p of path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = node(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else r = node(r, p);
    fn >>= 1n; sn >>= 1n;
  }
  return sn === 0n && equal(r, root);
}

/** RFC 9162, 2.1.4.2, for 0 < older < newer; from 0 and between equal sizes the path is empty. */
export function consistent(older: number, newer: number, path: Uint8Array[], a: Uint8Array, b: Uint8Array): boolean {
  if (older > newer) return false;
  if (older === newer) return path.length === 0 && equal(a, b);
  if (older === 0) return path.length === 0;
  let p = path;
  let pow = 1;
  while (pow < older) pow *= 2;
  if (pow === older) p = [a, ...path];
  if (p.length === 0) return false;
  let fn = BigInt(older - 1), sn = BigInt(newer - 1);
  while ((fn & 1n) === 1n) { fn >>= 1n; sn >>= 1n; }
  let fr = p[0], sr = p[0];
  for (const c of p.slice(1)) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = node(c, fr); sr = node(c, sr);
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else sr = node(sr, c);
    fn >>= 1n; sn >>= 1n;
  }
  return sn === 0n && equal(fr, a) && equal(sr, b);
}

export const mapEntry = (tag: Uint8Array, index: Uint8Array) => hash(concat(Uint8Array.of(2), tag, index));
export const mapParent = (l: Uint8Array, r: Uint8Array) => hash(concat(Uint8Array.of(3), l, r));
