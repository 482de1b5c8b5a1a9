// An answer as the fetcher takes it apart (RFC 1945, RFC 9110): which moments it learns from a Date, and which it doesn't.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { generator } from "../support/cuts.ts";
import { build, instantiate } from "../support/firmware.ts";
import { below, mutate } from "../support/mutate.ts";

const SEED = Number(process.env["SEED"] ?? 1);
const START = "20200101000000";
const EPROTO = -15;
const EFBIG = -16;
const BODY_MAX = 4096;

interface Exports {
  powerOn(): void;
  workspace(): number;
  workspaceBytes(): number;
  createFile(nameLength: number, bytes: number): number;
  appendFile(length: number): number;
  commitFile(): number;
  readFile(nameLength: number): number;
  begin(): void;
  read(length: number): number;
  end(): number;
}

let module: WebAssembly.Module;
let wasm: Exports & { memory: WebAssembly.Memory };
let memory: Buffer;

beforeAll(async () => {
  module = await build("test/firmware/fetch.ts", { profile: "card-client" });
});
beforeEach(() => start());

/** A card that knows the time. */
function start(time: string | null = START): void {
  wasm = instantiate<Exports>(module);
  memory = Buffer.from(wasm.memory.buffer);
  wasm.powerOn();
  if (time === null) return;
  put("/.time");
  wasm.createFile(6, time.length);
  put(time);
  wasm.appendFile(time.length);
  wasm.commitFile();
}

function put(text: string | Buffer): number {
  const bytes = Buffer.from(text);
  bytes.copy(memory, wasm.workspace());
  return bytes.length;
}

function file(name: string): string | null {
  const length = wasm.readFile(put(name));
  return length < 0 ? null : memory.toString("latin1", wasm.workspace(), wasm.workspace() + length);
}

/** An answer comes in, in pieces of so many bytes. @returns its status, or an error */
function answer(text: string | Buffer, pieceBytes = 1000): number {
  const bytes = Buffer.from(text);
  wasm.begin();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const result = wasm.read(put(bytes.subarray(at, at + pieceBytes)));
    if (result < 0) return result;
  }
  return wasm.end();
}

/** @returns what the card knows after a page with such a line in its head */
function learn(line: string, pieceBytes?: number): string | null {
  expect(answer(`HTTP/1.1 200 OK\r\n${line}\r\nServer: x\r\n\r\nbody`, pieceBytes)).toBe(200);
  expect(file("/fetched.txt")).toBe("body");
  return file("/.time");
}

const NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number) => String(value).padStart(2, "0");
const imf = (year: number, month: number, day: number, hour = 8, minute = 49, second = 37) =>
  `Sun, ${two(day)} ${NAMES[month - 1]} ${year} ${two(hour)}:${two(minute)}:${two(second)} GMT`;

describe("a Date", () => {
  test.each([
    ["as RFC 9110 has it", "Date: Sun, 06 Nov 2094 08:49:37 GMT", "20941106084937"],
    ["in small letters", "date: Sun, 06 Nov 2094 08:49:37 GMT", "20941106084937"],
    ["in capitals", "DATE: Sun, 06 Nov 2094 08:49:37 GMT", "20941106084937"],
    ["without a space", "Date:Sun, 06 Nov 2094 08:49:37 GMT", "20941106084937"],
    ["with a tab, and a space at its end", "Date:\tSun, 06 Nov 2094 08:49:37 GMT ", "20941106084937"],
    ["in a leap second", "Date: Tue, 31 Dec 2030 23:59:60 GMT", "20301231235960"],
    ["at midnight", "Date: Tue, 01 Jan 2030 00:00:00 GMT", "20300101000000"],
    ["one of two", `Date: ${imf(2031, 1, 1)}\r\nDate: ${imf(2030, 1, 1)}`, "20310101084937"],
  ])("%s is learnt", (_, line, moment) => expect(learn(line)).toBe(moment));

  test("is learnt in every month, and when it comes in bytes", () => {
    NAMES.forEach((_, i) =>
      expect(learn(`Date: ${imf(2030, i + 1, 28)}`, 1)).toBe(`2030${two(i + 1)}28084937`),
    );
  });

  test.each([
    ["before what is known", "Date: Sun, 06 Nov 1994 08:49:37 GMT"],
    ["as RFC 850 had it", "Date: Sunday, 06-Nov-94 08:49:37 GMT"],
    ["as asctime() writes it", "Date: Sun Nov  6 08:49:37 2094"],
    ["in another zone", "Date: Sun, 06 Nov 2094 08:49:37 PST"],
    ["in no zone", "Date: Sun, 06 Nov 2094 08:49:37"],
    ["with its zone as a number", "Date: Sun, 06 Nov 2094 08:49:37 +0000"],
    ["of a month that there is not", "Date: Sun, 06 Nob 2094 08:49:37 GMT"],
    ["whose month only ends like one", "Date: Sun, 06 Xov 2094 08:49:37 GMT"],
    ["whose month is in capitals", "Date: Sun, 06 NOV 2094 08:49:37 GMT"],
    ["on day 0", "Date: Sun, 00 Nov 2094 08:49:37 GMT"],
    ["on the 31st of November", "Date: Sun, 31 Nov 2094 08:49:37 GMT"],
    ["on the 32nd", "Date: Sun, 32 Dec 2094 08:49:37 GMT"],
    ["with a day of one digit", "Date: Sun,  6 Nov 2094 08:49:37 GMT"],
    ["at 24 o'clock", "Date: Sun, 06 Nov 2094 24:00:00 GMT"],
    ["in minute 60", "Date: Sun, 06 Nov 2094 08:60:00 GMT"],
    ["in second 61", "Date: Sun, 06 Nov 2094 08:49:61 GMT"],
    ["with letters for digits", "Date: Sun, 06 Nov 2o94 08:49:37 GMT"],
    ["with points for colons", "Date: Sun, 06 Nov 2094 08.49.37 GMT"],
    ["with more behind it", "Date: Sun, 06 Nov 2094 08:49:37 GMT x"],
    ["with more behind a space that is just kept", "Date: Sun, 06 Nov 2094 08:49:37 GMT  x"],
    ["of another name", "Last-Modified: Sun, 06 Nov 2094 08:49:37 GMT"],
    ["of a name that ends so", "XDate: Sun, 06 Nov 2094 08:49:37 GMT"],
    ["whose name has a space behind it", "Date : Sun, 06 Nov 2094 08:49:37 GMT"],
    ["with nothing in it", "Date:"],
    ["with spaces only", "Date:                               "],
  ])("%s is none", (_, line) => expect(learn(line)).toBe(START));

  test("in the body is none", () => {
    expect(answer(`HTTP/1.1 200 OK\r\n\r\nDate: ${imf(2094, 11, 6)}\r\n`)).toBe(200);
    expect(file("/.time")).toBe(START);
  });

  test("tells nothing to a card that never knew the time", () => {
    start(null);
    expect(learn(`Date: ${imf(2030, 1, 1)}`)).toBe(null);
  });

  test("of an error page is as good as another", () => {
    expect(answer(`HTTP/1.1 404 Not Found\r\nDate: ${imf(2030, 1, 1)}\r\n\r\nno`)).toBe(404);
    expect([file("/.time"), file("/fetched.txt")]).toEqual(["20300101084937", null]);
  });
});

describe("days", () => {
  /** Every year whose rule is another one, and some more. */
  const years = [2023, 2024, 2096, 2100, 2104, 2200, 2300, 2399, 2400, 4000, 9999];

  test.each(years)("of February %i", (year) => {
    const last = new Date(Date.UTC(year, 2, 0)).getUTCDate();
    expect(learn(`Date: ${imf(year, 2, last + 1)}`)).toBe(START);
    expect(learn(`Date: ${imf(year, 2, last)}`)).toBe(`${year}02${last}084937`);
  });

  test("any moment, written by JavaScript, is read as it is, and raises what was known", () => {
    const random = generator(SEED);
    let known = START;
    for (let i = 0; i < 300; i++) {
      const moment = new Date(Date.UTC(2000, 0, 1) + Math.floor(random() * 8000 * 365.25 * 86400e3));
      const digits = moment.toISOString().replace(/\D/g, "").slice(0, 14);
      known = digits > known ? digits : known;
      expect(learn(`Date: ${moment.toUTCString()}`), `SEED=${SEED} ${moment.toUTCString()}`).toBe(known);
      if (i % 20 === 0) start((known = START));
    }
  });
});

test("damage at random: what the card then knows is a moment that there is, or what it knew", () => {
  const random = generator(SEED);
  const line = `Date: ${imf(2030, 6, 15)}`;
  for (let i = 0; i < 2000; i++) {
    const damaged = mutate(Buffer.from(line), random)
      .toString("latin1")
      .replace(/[\r\n]/g, " ");
    answer(Buffer.from(`HTTP/1.1 200 OK\r\n${damaged}\r\n\r\n`, "latin1"), 1 + below(random, 50));
    const known = file("/.time")!;
    if (known === START) continue;
    const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(known)!.map(Number);
    const moment = new Date(Date.UTC(y!, mo! - 1, d, h, mi, Math.min(s!, 59)));
    const read = moment.toISOString().replace(/\D/g, "").slice(0, 12);
    expect(read, `SEED=${SEED} case ${i}: ${damaged}`).toBe(known.slice(0, 12));
    start();
  }
});

describe("an answer", () => {
  test.each([
    ["HTTP/1.0 200 OK\r\n\r\n", 200],
    ["HTTP/1.1 503 \r\n\r\n", 503],
    ["HTTP/1.1 200 OK\n\nbody", 200],
    ["HTTP/1.1 200 OK\r\n", EPROTO],
    ["HTTP/1.1 200", EPROTO],
    ["HTTP/1.1 2x0 OK\r\n\r\n", EPROTO],
    ["HTTP/1.1 20\r\n\r\n", EPROTO],
    ["HTTP/1.1 099 No\r\n\r\n", EPROTO],
    ["<html>\r\n\r\n", EPROTO],
    ["\r\n", EPROTO],
    ["", EPROTO],
  ])("%j comes to %i", (text, status) => expect(answer(text, 3)).toBe(status));

  test("is kept up to its longest, and no further", () => {
    const head = "HTTP/1.1 200 OK\r\nX-Long: " + "x".repeat(5000) + "\r\n\r\n";
    expect(answer(head + "b".repeat(BODY_MAX))).toBe(200);
    expect(answer(head + "b".repeat(BODY_MAX + 1))).toBe(EFBIG);
  });
});
