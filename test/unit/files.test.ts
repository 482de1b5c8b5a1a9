import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { CuttingNvm, MemoryNvm, PowerCut } from "../../host/chip/nvm.ts";
import type { CardFile } from "../../host/issuer/commands.ts";
import {
  buildFilesCard,
  CAPACITY,
  content,
  EINVAL,
  ENOENT,
  ENOSPC,
  FilesCard,
  NVM_BYTES,
} from "../support/files-card.ts";

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await buildFilesCard();
});

const file = (name: string, length: number, seed = 1, type = "text/html"): CardFile => ({
  name,
  type,
  content: content(length, seed),
});

/** Vitest compares long arrays element by element, slowly. */
function expectSame(actual: CardFile | null, wanted: CardFile | null): void {
  expect(actual?.type).toBe(wanted?.type);
  expect(Buffer.compare(actual?.content ?? content(0, 0), wanted?.content ?? content(0, 0))).toBe(0);
}

describe("one file", () => {
  test("is found as it was written, and not by other names", () => {
    const card = new FilesCard(module);
    const page = file("/index.html", 1000);
    expect(card.put(page)).toBe(0);
    expect(card.get("/index.html")).toEqual(page);
    for (const other of ["/index.htm", "/index.html2", "/Index.html", ""])
      expect(card.find(other)).toBe(ENOENT);
  });

  test("is read from any offset, and not beyond its end", () => {
    const card = new FilesCard(module);
    const page = file("/a", 300);
    const handle = card.put(page);
    const at = 50000;
    expect(card.chip.read(handle, 250, at, 100)).toBe(50);
    expect(card.memory.slice(at, at + 50)).toEqual(page.content.slice(250));
    expect(card.chip.read(handle, 300, at, 100)).toBe(0);
    expect(card.chip.read(handle, 0xffffffff, at, 100)).toBe(0);
  });

  test("a worn cell in the length of its type does not write beyond the caller's memory", () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    const card = new FilesCard(module, nvm);
    const handle = card.put(file("/a", 10));
    nvm.write(256 + 48, 0xff); // the first entry
    const at = 50000;
    card.memory.fill(0x55, at, at + 256);
    expect(card.chip.typeOf(handle, at)).toBe(31);
    expect(card.memory.slice(at + 31, at + 256).every((byte) => byte === 0x55)).toBe(true);
  });

  test("survives power off; one that was not committed does not", () => {
    const card = new FilesCard(module);
    card.put(file("/a", 10));
    card.create("/b", "t", 10);
    card.append(content(10, 1));
    const rebooted = new FilesCard(module, card.nvm);
    expect(rebooted.get("/a")).toEqual(file("/a", 10));
    expect(rebooted.find("/b")).toBe(ENOENT);
    expect(rebooted.chip.commit()).toBe(EINVAL);
  });

  test("an update replaces content and type, frees the old space, and changes the etag", () => {
    const card = new FilesCard(module);
    const before = card.chip.etag(card.put(file("/a", 5000, 1)));
    const after = card.chip.etag(card.put(file("/a", 400, 2, "text/css")));
    expect(card.get("/a")).toEqual(file("/a", 400, 2, "text/css"));
    expect(after).not.toBe(before);
    expect(card.chip.count()).toBe(1);
    card.put(file("/a", 400, 2, "text/csv"));
    expect(card.chip.etag(card.find("/a"))).not.toBe(after);
    card.remove("/a");
    expect(card.chip.freeBytes()).toBe(CAPACITY);
  });

  test("may be empty, or have no type", () => {
    const card = new FilesCard(module);
    card.put(file("/empty", 0, 1, ""));
    expect(card.get("/empty")).toEqual(file("/empty", 0, 1, ""));
    expect(card.chip.freeBytes()).toBe(CAPACITY);
  });
});

describe("limits", () => {
  test("names of 31 bytes and types of 31 bytes, not more, no empty name", () => {
    const card = new FilesCard(module);
    const longest = file(`/${"n".repeat(30)}`, 5, 1, "t".repeat(31));
    expect(card.put(longest)).toBe(0);
    expect(card.get(longest.name)).toEqual(longest);
    expect(card.create(`/${"n".repeat(31)}`, "t", 1)).toBe(EINVAL);
    expect(card.create("/a", "t".repeat(32), 1)).toBe(EINVAL);
    expect(card.create("", "t", 1)).toBe(EINVAL);
  });

  test("a file of 100 KB; then one that fills NVM to its last byte; then no more", () => {
    const card = new FilesCard(module);
    const [large, rest] = [file("/large", 102400), file("/rest", CAPACITY - 102400, 2)];
    expect(card.put(large)).toBe(0);
    expect(card.create("/more", "t", CAPACITY - 102400 + 1)).toBe(ENOSPC);
    expect(card.put(rest)).toBe(1);
    expect(card.chip.freeBytes()).toBe(0);
    expect(card.create("/more", "t", 1)).toBe(ENOSPC);
    expect(card.create("/more", "t", 0xffffffff)).toBe(ENOSPC);
    expectSame(card.get("/large"), large);
    expectSame(card.get("/rest"), rest);
    expect(card.chip.damagedCount()).toBe(0);
  });

  test("32 files, and an update needs a free entry", () => {
    const card = new FilesCard(module);
    for (let i = 0; i < 32; i++) expect(card.put(file(`/${i}`, i))).toBe(i);
    expect(card.create("/32", "t", 1)).toBe(ENOSPC);
    expect(card.create("/0", "t", 1)).toBe(ENOSPC);
    card.remove("/7");
    expect(card.put(file("/0", 9, 3))).toBe(7);
    expect(card.get("/0")).toEqual(file("/0", 9, 3));
  });

  test("not more bytes than announced, and not fewer", () => {
    const card = new FilesCard(module);
    expect(card.append(content(1, 1))).toBe(EINVAL);
    card.create("/a", "t", 10);
    expect(card.append(content(11, 1))).toBe(EINVAL);
    expect(card.append(content(9, 1))).toBe(0);
    expect(card.chip.commit()).toBe(EINVAL);
    expect(card.append(content(1, 1))).toBe(0);
    expect(card.chip.commit()).toBe(0);
    expect(card.chip.commit()).toBe(EINVAL);
  });
});

test("damage to any byte of a file, its name, type, place or size is noticed", () => {
  const card = new FilesCard(module);
  card.put(file("/index.html", 20));
  const nvm = card.nvm as MemoryNvm;
  const entry = 256;
  const watched = [
    ...[...Array(12).keys()].map((i) => entry + 4 + i), // start, size, CRC
    ...[...Array(12).keys()].map((i) => entry + 16 + i), // name
    ...[...Array(10).keys()].map((i) => entry + 48 + i), // type
    ...[...Array(20).keys()].map((i) => 20480 + i), // content
  ];
  for (const address of watched) {
    const byte = nvm.read(address);
    for (const bit of [1, 0x10, 0x80]) {
      nvm.write(address, byte ^ bit);
      expect(card.chip.damagedCount(), `bit ${bit} of byte ${address}`).toBe(1);
    }
    nvm.write(address, byte);
  }
  expect(card.chip.damagedCount()).toBe(0);
});

test("an NVM of another layout is laid out anew, that of an operational card never", () => {
  const card = new FilesCard(module);
  card.put(file("/a", 10));
  const nvm = card.nvm as MemoryNvm;
  nvm.write(112, 5); // as if there were a key
  nvm.write(3, 99);
  const operational = new MemoryNvm(nvm.cells.slice());
  operational.write(4, 5);
  const before = operational.cells.slice();
  expect(new FilesCard(module, operational).find("/a")).toBe(0);
  expect(Buffer.compare(operational.cells, before)).toBe(0);
  for (let cut = 0; cut < 3; cut++) {
    const cutting = new CuttingNvm(nvm.cells.slice(), cut); // before: the key's state, the file's state, the magic
    expect(() => new FilesCard(module, cutting)).toThrow(PowerCut);
    const rebooted = new FilesCard(module, new MemoryNvm(cutting.cells));
    expect(rebooted.find("/a")).toBe(ENOENT);
    expect(rebooted.chip.lifeCycle()).toBe(1);
  }
});

describe("against a model", () => {
  const names = ["/a", "/b", "/c", "/index.html", `/${"x".repeat(30)}`];
  const operation = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("put" as const),
        name: fc.constantFrom(...names),
        length: fc.integer({ min: 0, max: 40000 }),
        seed: fc.nat(255),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("remove" as const), name: fc.constantFrom(...names) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("give up" as const),
        name: fc.constantFrom(...names),
        length: fc.integer({ min: 1, max: 50000 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reboot" as const) }) },
  );

  test("every file is what was last put there, and space is refused only when there is none", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 10, maxLength: 40 }), (operations) => {
        let card = new FilesCard(module);
        const model = new Map<string, CardFile>();
        for (const step of operations) {
          if (step.do === "put") {
            const free = card.chip.freeBytes();
            const wanted = file(step.name, step.length, step.seed);
            const result = card.put(wanted);
            expect(result >= 0).toBe(step.length <= free);
            if (result >= 0) model.set(step.name, wanted);
          } else if (step.do === "remove") {
            if (model.delete(step.name)) card.remove(step.name);
          } else if (step.do === "give up") {
            if (card.create(step.name, "t", step.length) === 0) card.append(content(step.length - 1, 0));
          } else card = new FilesCard(module, card.nvm);
          expect(card.chip.count()).toBe(model.size);
        }
        for (const name of names) expectSame(card.get(name), model.get(name) ?? null);
        expect(card.chip.damagedCount()).toBe(0);
        for (const name of model.keys()) card.remove(name);
        expect(card.chip.freeBytes()).toBe(CAPACITY);
      }),
      { seed: 20040719, numRuns: 60 },
    );
  });
});

describe("a power cut before every write", () => {
  const steps: ((card: FilesCard) => void)[] = [
    (card) => card.put(file("/a", 40, 1)),
    (card) => card.put(file("/b", 25, 2)),
    (card) => card.put(file("/a", 60, 3, "text/css")), // update, longer
    (card) => card.put(file("/c", 5, 6)), // in the entry that the update left
    (card) => card.remove("/b"),
    (card) => card.put(file("/a", 10, 4)), // update, shorter, in the gap
    (card) => card.put(file("/a", 10, 5)), // and back to an entry used before
  ];
  const snapshot = (card: FilesCard) => ["/a", "/b", "/c"].map((name) => card.get(name));

  function snapshots(): ReturnType<typeof snapshot>[] {
    const card = new FilesCard(module);
    return [snapshot(card), ...steps.map((step) => (step(card), snapshot(card)))];
  }

  /** Boots and goes through all steps. @returns how many were done when the power failed */
  function runUntilCut(nvm: CuttingNvm): number {
    let done = 0;
    try {
      const card = new FilesCard(module, nvm);
      for (const step of steps) {
        step(card);
        done++;
      }
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    return done;
  }

  test("leaves old or new, also when it fails again in the recovery, and no space is lost", () => {
    const states = snapshots();
    const whole = new CuttingNvm(NVM_BYTES, Infinity);
    expect(runUntilCut(whole)).toBe(steps.length);
    expect(whole.writes).toBeGreaterThan(200);
    for (let cut = 0; cut < whole.writes; cut++) {
      const first = new CuttingNvm(NVM_BYTES, cut);
      const done = runUntilCut(first);
      for (let again = 0, recovered = false; !recovered; again++) {
        const second = new CuttingNvm(first.cells.slice(), again);
        try {
          new FilesCard(module, second);
          recovered = true; // the power held long enough
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        const card = new FilesCard(module, new MemoryNvm(second.cells));
        expect([states[done], states[done + 1]]).toContainEqual(snapshot(card));
        expect(card.chip.damagedCount()).toBe(0);
        for (const step of steps) step(card);
        expect(snapshot(card)).toEqual(states[steps.length]);
        expect(card.chip.count()).toBe(2);
        card.remove("/a");
        card.remove("/c");
        expect(card.chip.freeBytes()).toBe(CAPACITY);
      }
    }
  });
});
