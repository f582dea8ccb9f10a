// ECVRF-RISTRETTO255-SHA512 (c2sp.org/vrf-r255): verification only.
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, isZero, put, utf8 } from "./bytes";

const suite = concat(Uint8Array.of(0xff), utf8("c2sp.org/vrf-r255"));
const Point = ristretto255.Point;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

const little = (b: Uint8Array) => b.reduceRight((n, x) => n * 256n + BigInt(x), 0n);

export const alpha = (series: number, account: Uint8Array, tier: number, n: number) =>
  concat(utf8("postern/v1 tag\0"), put(series, 4), account, Uint8Array.of(tier), put(n, 4));

/** The tag that a proof proves for alpha under a key, or null. */
export function tagOf(key: Uint8Array, message: Uint8Array, proof: Uint8Array): Uint8Array | null {
  try {
    if (proof.length !== 80 || isZero(key)) return null;
    const Y = Point.fromBytes(key), gamma = Point.fromBytes(proof.subarray(0, 32));
    const c = little(proof.subarray(32, 48)), s = little(proof.subarray(48, 80));
    if (s >= order) return null;
    const H = ristretto255_hasher.deriveToCurve!(sha512(concat(suite, Uint8Array.of(0x82), key, message)));
    const times = (p: typeof Y, k: bigint) => (k === 0n ? Point.ZERO : p.multiplyUnsafe(k));
    const U = times(Point.BASE, s).subtract(times(Y, c));
    const V = times(H, s).subtract(times(gamma, c));
    const again = sha512(concat(suite, Uint8Array.of(0x02), key, H.toBytes(), gamma.toBytes(), U.toBytes(), V.toBytes(), Uint8Array.of(0)));
    if (!equal(again.subarray(0, 16), proof.subarray(32, 48))) return null;
    return sha512(concat(suite, Uint8Array.of(0x03), gamma.toBytes(), Uint8Array.of(0))).subarray(0, 32);
  } catch {
    return null;
  }
}
