import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { CuttingNvm, MemoryNvm, PowerCut } from "../../host/chip/nvm.ts";
import { NetcardError } from "../../host/errors.ts";
import { LocalCa } from "../../host/issuer/ca.ts";
import { CardCommands, type CardFile } from "../../host/issuer/commands.ts";
import { personalise, type PersonaliseOptions, type Progress } from "../../host/issuer/personalise.ts";
import {
  ARENA_BYTES,
  buildFilesCard,
  CAPACITY,
  content,
  FilesCard,
  NVM_BYTES,
  ROM_BASE,
} from "../support/files-card.ts";

const PAGES: CardFile[] = [
  { name: "/index.html", type: "text/html; charset=utf-8", content: content(260, 1) },
  { name: "/a.css", type: "text/css; charset=utf-8", content: content(3, 2) },
  { name: "/none", type: "", content: content(0, 3) },
];
const MASTER_FILE = [0x3f, 0x00];

let module: WebAssembly.Module;
/** Not much of a certificate, but of the key; as long for all, so that the number of writes does not change. */
const certificateOf = (publicKey: Uint8Array) => Buffer.concat([content(25, 4), publicKey, content(7, 5)]);
const ca = { issue: (publicKey: Uint8Array) => Promise.resolve(certificateOf(publicKey)) };

beforeAll(async () => {
  module = await buildFilesCard();
});

const run = (
  card: FilesCard,
  files = PAGES,
  report: Pick<PersonaliseOptions, "onProgress" | "onCertificate"> = {},
) => personalise({ transmit: card.transmit, ca, addresses: ["10.0.0.2"], files, ...report });

/** Status word of CLA INS P1 P2 and data. */
function sw(card: FilesCard, header: string, data: ArrayLike<number> = []): string {
  const apdu = [...Buffer.from(header.replaceAll(" ", ""), "hex"), data.length, ...Array.from(data)];
  return card.command(apdu).sw.toString(16);
}

const object = (tag: number, value: ArrayLike<number>) => [tag, value.length, ...Array.from(value)];
const createFile = (name: string, size: number, type = "t") =>
  object(0x62, [
    ...object(0x80, [size >> 8, size & 255]),
    ...object(0x84, Buffer.from(name)),
    ...object(0x85, Buffer.from(type)),
  ]);
const update = (offset: number, bytes: ArrayLike<number>) => [
  ...object(0x54, [offset >> 8, offset & 255]),
  ...object(0x53, bytes),
];

/** True when four bytes in a row of the key stand in `bytes`. */
function leaks(key: Uint8Array, bytes: Uint8Array): boolean {
  const [needle, haystack] = [Buffer.from(key), Buffer.from(bytes)];
  return [...needle.keys()].slice(0, -3).some((i) => haystack.includes(needle.subarray(i, i + 4)));
}

function putCertificate(card: FilesCard, certificate = certificateOf(publicKey(card))): void {
  card.put({ name: "/.certificate", type: "", content: certificate });
}

function publicKey(card: FilesCard): Uint8Array {
  return card.command([0x00, 0x46, 0x81, 0x00, 0]).data.slice(5);
}

describe("the whole personalisation", () => {
  test("leaves an operational card with the key, the certificate and the files", async () => {
    const card = new FilesCard(module);
    const progress: Progress[] = [];
    let certificate = new Uint8Array();
    await run(card, PAGES, {
      onProgress: (step) => progress.push(step),
      onCertificate: (der) => {
        expect(card.chip.lifeCycle()).toBe(3); // whoever is killed now has the certificate, and a card to start over with
        certificate = Uint8Array.from(der);
      },
    });
    for (const file of PAGES) expect(card.get(file.name)).toEqual(file);
    const entry = card.get("/.certificate")?.content ?? content(0, 0);
    expect(Buffer.from(entry.subarray(0, 3)).readUIntBE(0, 3)).toBe(certificate.length);
    expect(Buffer.from(entry.subarray(3))).toEqual(Buffer.from(certificate));
    expect(await new CardCommands(card.transmit).status()).toEqual({
      lifeCycle: "operational",
      hasKey: true,
      files: 4,
      freeBytes: CAPACITY - 263 - entry.length,
    });
    expect(progress.at(-1)).toEqual({ what: "closing the card for good", done: 263, total: 263 });
  });

  test("a power cut before every write of it leaves a card that can be personalised, and keeps the key it made", async () => {
    const whole = new CuttingNvm(NVM_BYTES, Infinity);
    await run(new FilesCard(module, whole));
    expect(whole.writes).toBeGreaterThan(500);
    for (let cut = 0; cut < whole.writes; cut++) {
      const cutting = new CuttingNvm(NVM_BYTES, cut);
      await expect((async () => run(new FilesCard(module, cutting)))()).rejects.toThrow(PowerCut);

      const card = new FilesCard(module, new MemoryNvm(cutting.cells));
      const commands = new CardCommands(card.transmit);
      const { lifeCycle, hasKey } = await commands.status();
      expect(lifeCycle).toBe(hasKey ? "personalising" : "manufactured");
      expect(await commands.selfTest()).toBe(0);
      for (const { name, content } of PAGES) {
        const found = card.get(name); // whole or not at all
        if (found) expect(Buffer.compare(found.content, content)).toBe(0);
      }
      const key = card.privateKey();
      await run(card);
      expect(card.chip.lifeCycle()).toBe(5);
      if (hasKey) expect(card.privateKey()).toEqual(key);
    }
  });

  test("starting over with other files leaves none of the first ones", async () => {
    const card = new FilesCard(module);
    const refusing = (apdu: Uint8Array) =>
      apdu[1] === 0x44 && apdu[4] === 2 ? Promise.reject(new Error("cut")) : card.transmit(apdu);
    await expect(personalise({ transmit: refusing, ca, addresses: [], files: PAGES })).rejects.toThrow("cut");
    await run(card, PAGES.slice(1));
    expect(card.get("/index.html")).toBeNull();
    expect(card.chip.count()).toBe(3);
  });

  test("refuses, in one sentence, a card that is operational and files that do not fit", async () => {
    const card = new FilesCard(module);
    const large = { name: "/large", type: "", content: content(CAPACITY, 1) };
    await expect(run(card, [large])).rejects.toThrow(
      /^The files have \d+ bytes and the card has room for \d+: .*\.$/,
    );
    await run(card);
    await expect(run(card)).rejects.toThrow(NetcardError);
    await expect(run(card)).rejects.toThrow("This card has been personalised and closed: use a new card.");
  });
});

describe("status words", () => {
  test("before personalisation", () => {
    const card = new FilesCard(module);
    expect(sw(card, "80 ca 01 00")).toBe("6e00");
    expect(sw(card, "00 a4 00 00")).toBe("6d00");
    expect(sw(card, "00 ca 01 02")).toBe("6a88");
    expect(sw(card, "00 46 81 00")).toBe("6a88"); // no key yet
    expect(sw(card, "00 46 82 00")).toBe("6a86");
    expect(sw(card, "00 46 80 00", [1])).toBe("6700");
    expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("6985"); // no key, no certificate
    expect(sw(card, "00 46 80 00")).toBe("9000");
    expect(sw(card, "00 46 80 00")).toBe("6985"); // one key in its life
    expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("6985"); // no certificate
  });

  test("a card does not become operational with the certificate of another key", () => {
    const card = new FilesCard(module);
    sw(card, "00 46 80 00");
    const point = publicKey(card);
    const wrong = point.map((byte, i) => (i === 64 ? byte ^ 1 : byte));
    for (const certificate of [content(0, 1), content(10, 1), wrong, point.subarray(0, 64)]) {
      putCertificate(card, Buffer.from(certificate));
      expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("6985");
      expect(card.chip.lifeCycle()).toBe(3);
    }
    // 04 twice in a row, the second one being the point's, and nothing behind it
    putCertificate(card, Buffer.concat([content(300, 2), point.subarray(0, 1), point]));
    expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("9000");
  });

  test("of files", () => {
    const card = new FilesCard(module);
    expect(sw(card, "00 d7 00 00", update(0, [1]))).toBe("6985"); // none created
    expect(sw(card, "00 44 00 00")).toBe("6985");
    expect(sw(card, "00 e0 01 00", createFile("/a", 3))).toBe("6a86");
    expect(sw(card, "00 e0 00 00")).toBe("6a80");
    expect(sw(card, "00 e0 00 00", createFile("", 3))).toBe("6a80");
    expect(sw(card, "00 e0 00 00", createFile("n".repeat(32), 3))).toBe("6a80");
    expect(sw(card, "00 e0 00 00", object(0x62, object(0x84, [0x2f])))).toBe("6a80"); // no size
    expect(sw(card, "00 e0 00 00", createFile("/a", 3).slice(0, -1))).toBe("6a80");
    expect(
      sw(
        card,
        "00 e0 00 00",
        object(0x62, [...object(0x80, [4, 0, 0]), ...object(0x84, [1]), ...object(0x85, [])]),
      ),
    ).toBe("6a84");
    expect(sw(card, "00 e0 00 00", createFile("/a", 3))).toBe("9000");
    expect(sw(card, "00 d7 00 00", update(1, [1]))).toBe("6b00");
    expect(sw(card, "00 d7 00 00", [1, 2, 3])).toBe("6a80");
    expect(sw(card, "00 d7 00 00", update(0, [1, 2, 3, 4]))).toBe("6a80"); // too many
    expect(sw(card, "00 d7 00 00", update(0, [1, 2]))).toBe("9000");
    expect(sw(card, "00 44 00 00")).toBe("6985"); // one is missing
    expect(sw(card, "00 d7 00 00", update(2, [3]))).toBe("9000");
    expect(sw(card, "00 44 00 00")).toBe("9000");
    expect(card.get("/a")?.content).toEqual(Uint8Array.of(1, 2, 3));
    expect(sw(card, "00 e4 04 00", Buffer.from("/b"))).toBe("6a82");
    expect(sw(card, "00 e4 04 00", Buffer.from("/a"))).toBe("9000");
    expect(sw(card, "00 e4 00 00", Buffer.from("/a"))).toBe("6a82");
    expect(card.chip.count()).toBe(0);
  });

  test("an operational card answers GET DATA and refuses the rest, whatever is sent", () => {
    const card = new FilesCard(module);
    sw(card, "00 46 80 00");
    putCertificate(card);
    expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("9000");
    const before = (card.nvm as MemoryNvm).cells.slice();
    for (const header of ["46 80 00", "46 81 00", "e0 00 00", "d7 00 00", "44 00 00", "e4 00 00", "e4 04 00"])
      expect(sw(card, `00 ${header}`, MASTER_FILE)).toBe("6985");
    expect(sw(card, "00 ca 01 00")).toBe("9000");
    expect(sw(card, "00 ca 01 01")).toBe("9000");
    expect(Buffer.compare((card.nvm as MemoryNvm).cells, before)).toBe(0);
  });

  test("the self-test counts a damaged key, file and superblock", async () => {
    const card = new FilesCard(module);
    sw(card, "00 46 80 00");
    putCertificate(card);
    const commands = new CardCommands(card.transmit);
    expect(await commands.selfTest()).toBe(0);
    for (const [count, address] of [116, 20480, 0].entries()) {
      card.nvm.write(address, card.nvm.read(address) ^ 1);
      expect(await commands.selfTest()).toBe(count + 1);
    }
  });

  test("the self-test counts a byte of state that is neither of the two", async () => {
    const card = new FilesCard(module);
    await run(card);
    const commands = new CardCommands(card.transmit);
    for (const address of [4, 112, 256]) {
      const byte = card.nvm.read(address);
      for (let bit = 1; bit < 256; bit <<= 1) {
        card.nvm.write(address, byte ^ bit);
        expect(await commands.selfTest()).toBe(1);
      }
      card.nvm.write(address, byte);
    }
    card.nvm.write(112, 0xff); // operational without a key
    expect(await commands.selfTest()).toBe(1);
  });
});

describe("the private key", () => {
  test("is in no response to any instruction and parameters, open or operational", () => {
    const card = new FilesCard(module);
    sw(card, "00 46 80 00");
    putCertificate(card);
    const key = card.privateKey();
    expect(leaks(key, key)).toBe(true);
    let responses = 0;
    const scan = () => {
      for (let ins = 0; ins < 256; ins++)
        for (let p1 = 0; p1 < 256; p1++)
          for (const p2 of [0, 1, 2, 0x80, 0xff, (ins * 7 + p1) & 0xff]) {
            const { data } = card.command([0, ins, p1, p2, 0]);
            if (data.length === 0) continue;
            responses++;
            if (leaks(key, data)) throw new Error(`INS ${ins} P1 ${p1} P2 ${p2} gives the key away`);
          }
    };
    scan();
    expect(sw(card, "00 44 00 00", MASTER_FILE)).toBe("9000");
    scan();
    expect(responses).toBeGreaterThan(4);
  });
});

test("with the real cryptography: the pair matches, every card has its own, nothing of it stays in RAM", async () => {
  const real = await buildFilesCard({ standInCrypto: false });
  const cards = [1, 2].map((seed) => new FilesCard(real, undefined, seed));
  const keys = cards.map((card) => {
    const { data } = card.command([0x00, 0x46, 0x80, 0x00, 0]);
    const secret = card.privateKey();
    expect(Buffer.from(data.subarray(5))).toEqual(Buffer.from(p256.getPublicKey(secret, false)));
    expect(leaks(secret, card.memory.slice(0, ARENA_BYTES))).toBe(false);
    return Buffer.from(secret).toString("hex");
  });
  expect(keys[0]).not.toBe(keys[1]);

  const [card] = cards as [FilesCard];
  const folder = mkdtempSync(join(tmpdir(), "netcard-test-"));
  const issuer = await LocalCa.open(folder);
  const { transmit } = card;
  let der = new Uint8Array();
  const onCertificate = (certificate: Uint8Array) => (der = Uint8Array.from(certificate));
  await personalise({ transmit, ca: issuer, addresses: ["10.0.0.2"], files: PAGES, onCertificate });
  rmSync(folder, { recursive: true });
  const certificate = new X509Certificate(der);
  expect(certificate.checkIssued(issuer.certificate)).toBe(true);
  const point = certificate.publicKey.export({ type: "spki", format: "der" }).subarray(-65);
  expect(point).toEqual(Buffer.from(p256.getPublicKey(card.privateKey(), false)));
  expect(card.chip.lifeCycle()).toBe(5);
});

test("random commands never trap, never leave the arena, and never open an operational card", () => {
  const command = fc.record({
    cla: fc.constantFrom(0, 0, 0, 0x80),
    ins: fc.oneof(fc.constantFrom(0x46, 0xe0, 0xd7, 0x44, 0xe4, 0xca), fc.nat(255)),
    p1: fc.constantFrom(0, 0, 1, 4, 0x80, 0x81, 0xff),
    p2: fc.constantFrom(0, 0, 1, 0xff),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 255 }),
      fc.constant(Uint8Array.from(MASTER_FILE)),
      fc
        .uint8Array({ maxLength: 40 })
        .map((name) => Uint8Array.from(createFile(Buffer.from(name).toString("latin1"), name.length * 999))),
      fc
        .tuple(fc.nat(1000), fc.uint8Array({ maxLength: 120 }))
        .map(([at, bytes]) => Uint8Array.from(update(at, bytes))),
    ),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const card = new FilesCard(module);
      const rom = card.memory.slice(ROM_BASE, ROM_BASE + 1024);
      let wasOperational = false;
      for (const { cla, ins, p1, p2, data } of commands) {
        card.command([cla, ins, p1, p2, data.length, ...data]);
        const isOperational = card.chip.lifeCycle() === 5;
        expect(wasOperational && !isOperational).toBe(false);
        wasOperational = isOperational;
      }
      expect(card.memory.subarray(ARENA_BYTES, ROM_BASE).every((byte) => byte === 0)).toBe(true);
      expect(Buffer.compare(card.memory.subarray(ROM_BASE, ROM_BASE + 1024), rom)).toBe(0);
    }),
    { seed: 7816, numRuns: 300 },
  );
});
