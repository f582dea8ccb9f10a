// A whole log from its leaves: the rules that leaves alone can show broken.
import { equal, fail, hex, uint } from "./bytes";
import { Report } from "./check";
import { parseLeaf, sameMonth } from "./leaf";
import { Entry, mapRoot } from "./map";
import { emptyRoot } from "./tree";

/** Leaves as an entry bundle has them, however many. */
export function bundle(b: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < b.length; ) {
    const n = uint(b, at, 2);
    out.push(b.subarray(at + 2, at + 2 + n));
    at += 2 + n;
  }
  return out;
}

export function replay(leaves: Uint8Array[]): Pick<Report, "verdict" | "why" | "detail"> {
  try {
    const tags: Entry[] = [], seen = new Set<string>(), series: { series: number; end: number }[] = [], tallied: { series: number; n: number }[] = [];
    let epoch = 0, time = 0;
    leaves.forEach((b, i) => {
      const l = parseLeaf(b, "replay");
      if (i === 0 && l.type !== 3) fail("replay", "the log does not begin with a month");
      if (l.type === 1) {
        const t = hex(l.tag);
        if (seen.has(t)) fail("replay", "a tag stands twice");
        seen.add(t);
        tags.push({ tag: l.tag, index: i });
      } else if (l.type === 3) {
        if (!sameMonth(l) || (series.length > 0 && series[series.length - 1].end !== l.start)) fail("replay", "a month that does not follow");
        series.push({ series: l.series, end: l.end });
      } else if (l.type === 2) {
        if (l.epoch !== epoch + 1 || l.covered !== i || l.time < time || l.tags !== tags.length || !equal(l.root, mapRoot(tags))) fail("replay", "an epoch that lies");
        epoch = l.epoch;
        time = l.time;
      } else if (l.type === 5) {
        const sum = tallied.reduce((n, t) => n + t.n, l.disclosures);
        if (!series.some((s) => s.series === l.series) || tallied.some((t) => t.series === l.series) || l.covered !== i || sum > tags.length || l.streams > l.disclosures ||
          (l.streams === 0 && (l.disclosures > 0 || !equal(l.root, emptyRoot)))) fail("replay", "a tally that lies");
        tallied.push({ series: l.series, n: l.disclosures });
      }
    });
    return { verdict: "verified", why: "", detail: "" };
  } catch (e) {
    return { verdict: "refuted", why: "replay", detail: String(e) };
  }
}
