// Proof files: text, line by line, nothing added, left out or reordered.
import { decimal, decode64, fail } from "./bytes";

export class File {
  private at = 0;
  constructor(private readonly text: string, header: string, limit: number) {
    const first = text.slice(0, text.indexOf("\n") + 1);
    if (first !== header + "\n") fail("unknown-file", "a first line that is not " + header);
    if (text.length > limit) fail("format", "the file is too long");
    this.at = first.length;
  }
  line(): string {
    const end = this.text.indexOf("\n", this.at);
    if (end < 0) fail("format", "the file is cut short");
    const l = this.text.slice(this.at, end);
    this.at = end + 1;
    return l;
  }
  value(name: string): string {
    const l = this.line();
    if (!l.startsWith(name + " ")) fail("format", `no line "${name}"`);
    return l.slice(name.length + 1);
  }
  number(name: string, limit = Number.MAX_SAFE_INTEGER): number {
    const n = decimal(this.value(name));
    if (n === null || n > limit) return fail("format", `"${name}" is no number`);
    return n;
  }
  bytes(name: string, length?: number): Uint8Array {
    const b = decode64(this.value(name));
    if (!b || (length !== undefined && b.length !== length)) return fail("format", `"${name}" is not canonical base64 of the right length`);
    return b;
  }
  /** As bytes, or null for "-". */
  optional(name: string): Uint8Array | null {
    const v = this.value(name);
    if (v === "-") return null;
    const b = decode64(v);
    return b ?? fail("format", `"${name}" is not canonical base64`);
  }
  path(name: string): Uint8Array[] {
    const n = this.number(name, 64);
    const out: Uint8Array[] = [];
    for (let i = 0; i < n; i++) {
      const b = decode64(this.line());
      if (!b || b.length !== 32) return fail("format", "a hash that is none");
      out.push(b);
    }
    return out;
  }
  /** A signed note, after one empty line and up to the next or the end. */
  note(last: boolean): string {
    if (this.line() !== "") fail("format", "no empty line before a checkpoint");
    const body = this.text.indexOf("\n\n", this.at);
    if (body < 0) fail("format", "a checkpoint without signatures");
    const end = last ? this.text.length : this.text.indexOf("\n\n", body + 2) + 1;
    if (end <= body) fail("format", "a checkpoint without an end");
    const n = this.text.slice(this.at, end);
    this.at = end;
    return n;
  }
}
