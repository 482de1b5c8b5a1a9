// DNS messages of tests, RFC 1035 section 4: made from templates that can be wrong, and taken apart.
import { bytes } from "./udp.ts";

export const A = 1;
export const CNAME = 5;
export const IN = 1;

/** Bytes of a name, or text whose labels are written out. A number within: a pointer to that offset. */
export type Name = string | Uint8Array | (string | number)[];

export interface Record {
  name: Name;
  type?: number;
  class?: number;
  ttl?: number;
  /** Default: what it is. */
  length?: number;
  data: Uint8Array | number[];
}

export interface Message {
  id: number;
  /** Default: a response without error, recursion desired and available. */
  flags?: number;
  counts?: [number, number, number, number];
  question?: { name: Name; type?: number; class?: number };
  answers?: Record[];
  authority?: Record[];
}

export interface Query {
  id: number;
  flags: number;
  counts: number[];
  name: string;
  type: number;
  class: number;
  length: number;
}

export function nameBytes(name: Name): Uint8Array {
  if (name instanceof Uint8Array) return name;
  const parts = typeof name === "string" ? [...name.split(".").filter(Boolean), ""] : name;
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number" ? [0xc0 | (part >> 8), part & 0xff] : [part.length, ...bytes(part)],
    ),
  );
}

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

function recordBytes(record: Record): number[] {
  const { type = A, ttl = 300, length = record.data.length } = record;
  const fixed = [...u16(type), ...u16(record.class ?? IN), ...u32(ttl), ...u16(length)];
  return [...nameBytes(record.name), ...fixed, ...record.data];
}

export function dnsMessage(message: Message): Uint8Array {
  const { question, answers = [], authority = [] } = message;
  const counts = message.counts ?? [question ? 1 : 0, answers.length, authority.length, 0];
  const asked = question
    ? [...nameBytes(question.name), ...u16(question.type ?? A), ...u16(question.class ?? IN)]
    : [];
  const header = [...u16(message.id), ...u16(message.flags ?? 0x8180), ...counts.flatMap(u16)];
  return Uint8Array.from([...header, ...asked, ...[...answers, ...authority].flatMap(recordBytes)]);
}

/** @param data a query, which must be whole */
export function parseQuery(data: Uint8Array): Query {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const labels: string[] = [];
  let at = 12;
  for (let length = data[at]!; length; length = data[at]!) {
    labels.push(new TextDecoder().decode(data.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return {
    id: view.getUint16(0),
    flags: view.getUint16(2),
    counts: [4, 6, 8, 10].map((offset) => view.getUint16(offset)),
    name: labels.join("."),
    type: view.getUint16(at + 1),
    class: view.getUint16(at + 3),
    length: at + 5,
  };
}

/** @returns the four bytes of an address in host order */
export const addressBytes = (address: number): number[] => u32(address);
