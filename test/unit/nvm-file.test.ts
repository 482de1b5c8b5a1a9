import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FileNvm } from "../../host/chip/nvm-file.ts";
import { NetcardError } from "../../host/errors.ts";

const BYTES = 262144;
const HEADER = 64;

let folder: string;
let image: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "netcard-test-"));
  image = join(folder, "card.nvm");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a new image is erased, whole, and its owner's; what is written comes back", () => {
  const nvm = FileNvm.open(join(folder, "a/b"));
  expect(nvm.bytes).toBe(BYTES);
  expect(nvm.cells.every((byte) => byte === 0xff)).toBe(true);
  nvm.write(0, 1);
  nvm.write(BYTES - 1, 2);
  nvm.write(BYTES, 3); // no such cell
  expect(nvm.writes).toBe(2);
  nvm.close();
  const file = join(folder, "a/b/card.nvm");
  expect(statSync(file).size).toBe(HEADER + BYTES);
  if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = FileNvm.open(join(folder, "a/b"));
  expect([again.read(0), again.read(1), again.read(BYTES - 1)]).toEqual([1, 0xff, 2]);
  again.close();
  expect(readdirSync(join(folder, "a/b"))).toEqual(["card.nvm"]);
});

test("each write is in the file at once, in order: a killed process leaves what a power cut would", () => {
  const nvm = FileNvm.open(folder);
  for (let i = 0; i < 100; i++) {
    nvm.write(1000 + i, i);
    expect(readFileSync(image)[HEADER + 1000 + i]).toBe(i);
  }
  nvm.close();
});

test("a closed image takes no writes: the number of its file may be another one's by then", () => {
  const nvm = FileNvm.open(folder);
  nvm.close();
  expect(() => nvm.write(0, 1)).toThrow(NetcardError);
  expect(nvm.read(0)).toBe(0xff);
});

describe("damage is one clear sentence, and the image stays as it is", () => {
  test.each<[string, (whole: Buffer) => Buffer]>([
    ["empty", () => Buffer.alloc(0)],
    ["cut short in its header", (whole) => whole.subarray(0, 10)],
    ["cut short by a byte", (whole) => whole.subarray(0, -1)],
    ["too long by a byte", (whole) => Buffer.concat([whole, Buffer.alloc(1)])],
    ["something else of the same size", (whole) => Buffer.alloc(whole.length, "x")],
    [
      "of another version",
      (whole) => Buffer.from(whole.toString("latin1").replace("image 1", "image 2"), "latin1"),
    ],
    [
      "of a chip with other NVM",
      (whole) => Buffer.from(whole.toString("latin1").replace("262144", "131072"), "latin1"),
    ],
  ])("%s", (_, damage) => {
    FileNvm.open(folder).close();
    const damaged = damage(readFileSync(image));
    writeFileSync(image, damaged);
    expect(() => FileNvm.open(folder)).toThrow(NetcardError);
    expect(() => FileNvm.open(folder)).toThrow(
      /: put a copy back, or move it away and a new card will be made\.$/,
    );
    expect(Buffer.compare(readFileSync(image), damaged)).toBe(0);
    expect(readdirSync(folder)).toEqual(["card.nvm"]); // and no lock
  });

  test("a folder in its place", () => {
    mkdirSync(image);
    expect(() => FileNvm.open(folder)).toThrow(
      /^Cannot open .*card\.nvm \(EISDIR\): allow reading and writing it\.$/,
    );
  });
});

describe("the data folder", () => {
  test("that is a file, or below one, is refused", () => {
    writeFileSync(join(folder, "file"), "");
    for (const dir of ["file", "file/below"])
      expect(() => FileNvm.open(join(folder, dir))).toThrow(
        /^Cannot write in .*: name another folder or allow it there\.$/,
      );
  });

  test.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
    "that may not be written is refused",
    () => {
      chmodSync(folder, 0o500);
      expect(() => FileNvm.open(folder)).toThrow(/^Cannot write in .* \(EACCES\)/);
      chmodSync(folder, 0o700);
    },
  );
});

describe("one process at a time", () => {
  const lock = () => `${image}.lock`;

  test("an image that this process or another one has open is refused", () => {
    const nvm = FileNvm.open(folder);
    expect(() => FileNvm.open(folder)).toThrow(
      new RegExp(`in use by process ${process.pid}: end that first`),
    );
    nvm.close();
    writeFileSync(lock(), String(process.ppid));
    expect(() => FileNvm.open(folder)).toThrow(NetcardError);
    expect(readFileSync(lock(), "latin1")).toBe(String(process.ppid));
  });

  test("the lock of a process that is gone, an earlier one of the same number, or none at all, is cleared", () => {
    const gone = String(spawnSync(process.execPath, ["-e", ""]).pid);
    for (const holder of [gone, String(process.pid), "", "rubbish", "-1", "0"]) {
      writeFileSync(lock(), holder);
      const nvm = FileNvm.open(folder);
      expect(readFileSync(lock(), "latin1")).toBe(String(process.pid));
      nvm.close();
      expect(existsSync(lock())).toBe(false);
    }
    expect(readdirSync(folder)).toEqual(["card.nvm"]);
  });
});
