// Reads what the translation and the size report need of a WebAssembly module: constants, function names, code sizes.
import { TextDecoder } from "node:util";

const [CUSTOM, IMPORT, CODE, DATA] = [0, 2, 10, 11];

/** A cursor over a module's bytes. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    return this.bytes[this.at++];
  }
  /** An unsigned LEB128 number. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }
  take(length) {
    return this.bytes.subarray(this.at, (this.at += length));
  }
  name() {
    return new TextDecoder().decode(this.take(this.number()));
  }
  list(readItem) {
    return Array.from({ length: this.number() }, readItem);
  }
}

function* sections(bytes) {
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length)
    yield { id: reader.byte(), body: new Reader(reader.take(reader.number())) };
}

/** @returns {Uint8Array} the bytes from `base` on that the module's data segments lay down */
export function constants(bytes, base) {
  const segments = [];
  for (const { id, body } of sections(bytes)) {
    if (id !== DATA) continue;
    segments.push(...body.list(() => activeSegment(body)));
  }
  const image = new Uint8Array(
    Math.max(0, ...segments.map(({ address, data }) => address - base + data.length)),
  );
  for (const { address, data } of segments) {
    if (address < base) throw new Error(`a constant lies at ${address}, below ROM_BASE ${base}`);
    image.set(data, address - base);
  }
  return image;
}

/** flags 0, i32.const ADDRESS, end, bytes: the only kind that asc makes. */
function activeSegment(body) {
  if (body.number() !== 0 || body.byte() !== 0x41) throw new Error("a data segment of an unknown kind");
  const address = body.number(); // signed LEB128, the same for what is positive once the sign bit is looked at
  if (body.byte() !== 0x0b) throw new Error("a data segment of an unknown kind");
  return { address, data: body.take(body.number()) };
}

/** @returns {{name: string, bytes: number}[]} the module's own functions: name as asc gave it, bytes of code */
export function functions(bytes) {
  const names = new Map();
  const sizes = [];
  let imported = 0;
  for (const { id, body } of sections(bytes)) {
    if (id === IMPORT) imported = countImportedFunctions(body);
    if (id === CODE) sizes.push(...body.list(() => body.take(body.number()).length));
    if (id === CUSTOM && body.name() === "name") readFunctionNames(body, names);
  }
  return sizes.map((size, index) => ({
    name: names.get(imported + index) ?? `f${imported + index}`,
    bytes: size,
  }));
}

function countImportedFunctions(body) {
  return body.list(() => {
    const name = `${body.name()}.${body.name()}`;
    if (body.byte() !== 0) throw new Error(`${name} is imported and no function`);
    body.number();
  }).length;
}

function readFunctionNames(body, names) {
  const FUNCTIONS = 1;
  while (body.at < body.bytes.length) {
    const subsection = body.byte();
    const inner = new Reader(body.take(body.number()));
    if (subsection === FUNCTIONS) inner.list(() => names.set(inner.number(), inner.name()));
  }
}
