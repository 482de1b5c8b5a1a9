// The random generator: against a model of it, over boots with a stuck random pin, and with power cut at every write.
import { chacha20 } from "@noble/ciphers/chacha.js";
import { beforeAll, describe, expect, it } from "vitest";
import { CuttingNvm, MemoryNvm, PowerCut, type Nvm } from "../../host/chip/nvm.ts";
import { build, instantiate } from "../support/firmware.ts";
import type { SymmetricExports } from "../support/symmetric.ts";

const NVM_BYTES = 262144;
const TARGET = 8192;
const DRBG_SEED = 32;
const SLOT_BYTES = 40;

let firmware: WebAssembly.Module;
beforeAll(async () => {
  firmware = await build("test/firmware/crypto-sym.ts");
});

/** Boots a card whose random pin is stuck. @returns its output. @throws PowerCut */
function boot(nvm: Nvm, bytes = 32, random32 = () => 0): string {
  return hex(powered(nvm, random32).fill(bytes));
}

function powered(nvm: Nvm, random32: () => number) {
  const card = instantiate<SymmetricExports>(firmware, { random32 }, nvm);
  const memory = new Uint8Array(card.memory.buffer);
  card.drbgPowerOn();
  return {
    memory,
    fill(bytes: number): Uint8Array {
      card.drbgFill(TARGET, bytes);
      return memory.slice(TARGET, TARGET + bytes);
    },
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const seeds = (nvm: MemoryNvm) => nvm.cells.slice(DRBG_SEED, DRBG_SEED + 2 * SLOT_BYTES);

/** The generator, as its description says. */
class Model {
  constructor(private key: Uint8Array) {}

  next(counter = 0): Uint8Array {
    const block = chacha20(this.key, new Uint8Array(12), new Uint8Array(64), undefined, counter);
    this.key = block.slice(16, 48);
    return block.slice(48);
  }

  mix(random32: () => number, boots: number): void {
    for (let round = 0; round < 8; round++) {
      const words = new DataView(this.key.buffer);
      for (let at = 0; at < 32; at += 4) words.setUint32(at, words.getUint32(at, true) ^ random32(), true);
      this.next(boots);
    }
  }
}

describe("drbg", () => {
  it("gives what its model gives, over three boots", () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    let seed = new Uint8Array(32);
    for (let boots = 0; boots < 3; boots++) {
      let [ours, theirs] = [boots, boots];
      const card = powered(nvm, () => (ours = (Math.imul(ours, 69069) + 1) >>> 0));
      const model = new Model(seed);
      model.mix(() => (theirs = (Math.imul(theirs, 69069) + 1) >>> 0), boots);
      seed = new Uint8Array([...model.next(), ...model.next()]);
      const slot = DRBG_SEED + (boots % 2 === 0 ? SLOT_BYTES : 0);
      expect(hex(nvm.cells.slice(slot, slot + 38))).toBe(`${hex(seed)}0000000${boots + 1}a5ff`);
      for (const bytes of [0, 1, 16, 17, 100]) {
        const blocks = Array.from({ length: Math.ceil(bytes / 16) }, () => [...model.next()]);
        expect(hex(card.fill(bytes))).toBe(hex(Uint8Array.from(blocks.flat().slice(0, bytes))));
      }
    }
  });

  it("never repeats itself over boots, even with a stuck random pin", () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    const outputs = new Set<string>();
    for (let i = 0; i < 200; i++) outputs.add(boot(nvm, 16));
    expect(outputs.size).toBe(200);
  });

  it("depends on the random pin as well: two cards with the same image differ", () => {
    expect(boot(new MemoryNvm(NVM_BYTES), 32, () => 0)).not.toBe(boot(new MemoryNvm(NVM_BYTES), 32, () => 1));
  });

  it("keeps no output in RAM, and no used seed in NVM", () => {
    const nvm = new MemoryNvm(NVM_BYTES);
    boot(nvm);
    const seed = hex(seeds(nvm)).slice(2 * SLOT_BYTES, 2 * SLOT_BYTES + 64);
    const card = powered(nvm, () => 0);
    const output = hex(card.fill(48));
    const ram = hex(card.memory.slice(0, TARGET));
    for (let at = 0; at < output.length; at += 32) expect(ram).not.toContain(output.slice(at, at + 32));
    expect(hex(nvm.cells)).not.toContain(seed);
  });

  it.each([0, 1, 2, 3])("after %i boots, survives a cut at any write of the next", (before) => {
    const given = new Set<string>();
    const image = new MemoryNvm(NVM_BYTES);
    for (let i = 0; i < before; i++) given.add(boot(image));
    const complete = new CuttingNvm(image.cells.slice(), Infinity);
    boot(complete);
    expect(complete.writes).toBeGreaterThan(30);
    for (let cut = 0; cut < complete.writes; cut++) {
      const nvm = new CuttingNvm(image.cells.slice(), cut);
      expect(() => boot(nvm)).toThrow(PowerCut);
      // A second cut, in the boot after the first, and then two boots that come to an end.
      const second = new CuttingNvm(nvm.cells, (cut * 7) % 70);
      const outputs: string[] = [];
      try {
        outputs.push(boot(second));
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      const sound = new MemoryNvm(second.cells);
      outputs.push(boot(sound), boot(sound));
      for (const output of outputs) expect(given.has(output), `cut at ${cut}`).toBe(false);
      expect(new Set(outputs).size).toBe(outputs.length);
    }
  });
});
