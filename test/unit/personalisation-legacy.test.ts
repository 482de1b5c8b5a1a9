// A card is given its RSA key, once and for good: the TLS 1.0 card, and the one with an RSA certificate.
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { CuttingNvm, MemoryNvm, PowerCut } from "../../host/chip/nvm.ts";
import { CardCommands, LEGACY_LAYOUT, RSA_LAYOUT } from "../../host/issuer/commands.ts";
import { personalise } from "../../host/issuer/personalise.ts";
import { buildFilesCard, content, FilesCard, NVM_BYTES } from "../support/files-card.ts";
import { newRsaKey, type RsaKey } from "../support/legacy.ts";

const TAGS = [0x92, 0x93, 0x95, 0x96, 0x94];

let module: WebAssembly.Module;
let key: RsaKey;
beforeAll(async () => {
  module = await buildFilesCard({ standInCrypto: false, profile: "card-legacy" });
  key = newRsaKey(1024);
});

const commandsOf = (card: FilesCard) => new CardCommands(card.transmit, LEGACY_LAYOUT);
const modulusOf = (rsa: KeyObject) => Buffer.from(rsa.export({ format: "jwk" }).n!, "base64url");
const numbersOf = ({ numbers, modulusBytes }: RsaKey) =>
  TAGS.map((_, i) => numbers.subarray((i * modulusBytes) / 2, ((i + 1) * modulusBytes) / 2));

/** PUT DATA. @returns the status word */
function put(card: FilesCard, tag: number, number: ArrayLike<number>): string {
  return card.command([0x00, 0xda, 0x00, tag, number.length, ...Array.from(number)]).sw.toString(16);
}

describe("the key", () => {
  test("is there when its five numbers are, in any order behind p", () => {
    const card = new FilesCard(module);
    const numbers = numbersOf(key);
    for (const i of [0, 3, 1, 4, 2]) {
      expect(card.chip.lifeCycle()).toBe(1);
      expect(put(card, TAGS[i]!, numbers[i]!)).toBe("9000");
    }
    expect(card.chip.lifeCycle()).toBe(3);
    expect(card.chip.damagedCount()).toBe(0);
  });

  test.each([
    ["not of this kind", 0x91, 64],
    ["before p", 0x93, 64],
    ["of no byte", 0x92, 0],
    ["of 480 bits", 0x92, 60],
    ["of 544 bits, which is no whole number of words", 0x92, 68],
    ["of 1,088 bits", 0x92, 136],
  ])("a number %s is refused", (_, tag, length) => {
    expect(put(new FilesCard(module), tag, Buffer.alloc(length, 0x81))).toMatch(/^6a8/);
  });

  test("a number of another length than p is refused", () => {
    const card = new FilesCard(module);
    expect(put(card, 0x92, numbersOf(key)[0]!)).toBe("9000");
    expect(put(card, 0x93, Buffer.alloc(72, 0x81))).toBe("6a80");
  });

  test("numbers that don't belong together are no key; p begins again", () => {
    const card = new FilesCard(module);
    const numbers = numbersOf(key);
    const wrong = [...numbers.slice(0, 4), numbers[3]!];
    const answers = wrong.map((number, i) => put(card, TAGS[i]!, number));
    expect(answers).toEqual(["9000", "9000", "9000", "9000", "6a80"]);
    expect(card.chip.lifeCycle()).toBe(1);
    numbers.forEach((number, i) => expect(put(card, TAGS[i]!, number)).toBe("9000"));
    expect(card.chip.lifeCycle()).toBe(3);
  });

  test("power that fails at any write leaves a card that can be given its key", async () => {
    const whole = new CuttingNvm(NVM_BYTES, Infinity);
    await commandsOf(new FilesCard(module, whole)).putRsaKey(key.key);
    expect(whole.writes).toBeGreaterThan(320);
    for (let cut = 0; cut < whole.writes; cut += cut > whole.writes - 20 ? 1 : 13) {
      const cutting = new CuttingNvm(NVM_BYTES, cut);
      await expect(
        (async () => commandsOf(new FilesCard(module, cutting)).putRsaKey(key.key))(),
      ).rejects.toThrow(PowerCut);
      const card = new FilesCard(module, new MemoryNvm(cutting.cells));
      await commandsOf(card).putRsaKey(key.key);
      expect(await commandsOf(card).status()).toMatchObject({ lifeCycle: "personalising", hasKey: true });
      expect(await commandsOf(card).selfTest()).toBe(0);
    }
  });

  test("a cell that changes is found by the self-test", async () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    await commandsOf(new FilesCard(module, nvm)).putRsaKey(key.key);
    const at = Buffer.from(nvm.cells).indexOf(key.numbers.subarray(70, 90));
    nvm.cells[at]! ^= 1;
    expect(await commandsOf(new FilesCard(module, nvm)).selfTest()).toBe(1);
  });
});

describe("the whole personalisation", () => {
  const ca = {
    issue: (publicKey: Uint8Array | KeyObject) => Promise.resolve(modulusOf(publicKey as KeyObject)),
  };
  const options = {
    ca,
    addresses: [],
    files: [{ name: "/a", type: "", content: content(9, 1) }],
    rsaKey: "decrypt" as const,
  };

  test("ends with a closed card, which takes no key and gives none", async () => {
    const card = new FilesCard(module);
    await personalise({ transmit: card.transmit, ...options });
    expect(await commandsOf(card).status()).toMatchObject({ lifeCycle: "operational", hasKey: true });
    expect(await commandsOf(card).selfTest()).toBe(0);
    numbersOf(key).forEach((number, i) => expect(put(card, TAGS[i]!, number)).toBe("6985"));
    for (let ins = 0; ins < 256; ins++) {
      for (const parameters of [
        [0, 0],
        [0, 0x92],
        [1, 0],
        [0x80, 0],
      ]) {
        if (ins === 0xda || (ins & 0xf0) === 0x60 || (ins & 0xf0) === 0x90) continue;
        const { data } = card.command([0x00, ins, ...parameters, 0]);
        expect(data.length, `INS ${ins}`).toBeLessThanOrEqual(8); // GET DATA's status
      }
    }
  });

  test("with a certificate of another key the card is not closed", async () => {
    const card = new FilesCard(module);
    const other = createPublicKey(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);
    const wrong = { issue: () => Promise.resolve(modulusOf(other)) };
    await expect(personalise({ transmit: card.transmit, ...options, ca: wrong })).rejects.toThrow(/6985/);
  });

  test("a modern card's commands for its key are unknown here, and the other way round", async () => {
    expect(new FilesCard(module).command([0x00, 0x46, 0x80, 0x00, 0]).sw).toBe(0x6d00);
    const modern = new FilesCard(await buildFilesCard());
    expect(put(modern, 0x92, numbersOf(key)[0]!)).toBe("6d00");
  });
});

describe("the card with an RSA certificate", () => {
  let module: WebAssembly.Module;
  beforeAll(async () => {
    module = await buildFilesCard({ standInCrypto: false, profile: "card-rsa" });
  });

  test("takes a key of 2,048 bits, and its numbers of no less", async () => {
    for (const bits of [1024, 1536]) {
      const card = new FilesCard(module);
      expect(put(card, 0x92, Buffer.alloc(bits / 16, 0x81))).toBe("6a80");
    }
    const commands = new CardCommands(new FilesCard(module).transmit, RSA_LAYOUT);
    await commands.putRsaKey(newRsaKey(2048).key);
    expect(await commands.status()).toMatchObject({ lifeCycle: "personalising", hasKey: true });
    expect(await commands.selfTest()).toBe(0);
  });

  test("is not laid out as a TLS 1.0 card, whose key has other uses", async () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    const legacy = await buildFilesCard({ standInCrypto: false, profile: "card-legacy" });
    await commandsOf(new FilesCard(legacy, nvm)).putRsaKey(newRsaKey(2048).key);
    const commands = new CardCommands(new FilesCard(module, nvm).transmit, RSA_LAYOUT);
    expect(await commands.status()).toMatchObject({ lifeCycle: "manufactured", hasKey: false });
  });
});
