// Looks after a card from outside: what its memory must never become, and whether all that was lent has come back.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { CARDS, type CardKind } from "../../host/cards.mjs";
import { compile, readProfile } from "../../scripts/firmware.mjs";
import { build, instantiate } from "./firmware.ts";
import { exposeMemory, mutableGlobals } from "./wasm-sections.ts";

const { ARENA_BYTES, PBUF_COUNT, HEADER_PBUF_COUNT } = readProfile("card-6k") as Record<
  "ARENA_BYTES" | "PBUF_COUNT" | "HEADER_PBUF_COUNT",
  number
>;

/** test/firmware/guard.ts */
interface Accessors {
  memory: WebAssembly.Memory;
  pbufsFree(): number;
  headersFree(): number;
  exhausted(): number;
  socketsInUse(): number;
  tcbsInUse(): number;
  timeWaits(): number;
  isUp(): number;
  badFrames(): number;
  lostFrames(): number;
  repliesDropped(): number;
  retransmitted(): number;
  synsDropped(): number;
  timedOut(): number;
  isLent(): number;
  secretsFrom(): number;
  secretsTo(): number;
}

/** All pbufs and headers in their pools, no socket but the listener. */
export const NOTHING_LENT = { pbufs: 0, headers: 0, sockets: 1, tcbs: 0 };

export interface OpenFirmware {
  module: WebAssembly.Module;
  accessors: WebAssembly.Module;
  /** Address of its constants. */
  romBase: number;
}

/** The firmware that ships, byte for byte, but for the export of its memory. */
export async function openFirmware(kind: CardKind): Promise<OpenFirmware> {
  const { profile } = CARDS[kind];
  const shipped = readFileSync(await compile(CARDS[kind]));
  expect(mutableGlobals(shipped), "wasm globals that can change: RAM outside the arena").toBe(0);
  const bytes = new Uint8Array(exposeMemory(shipped));
  return {
    module: new WebAssembly.Module(bytes),
    accessors: await build("test/firmware/guard.ts", { profile }),
    romBase: readProfile(profile)["ROM_BASE"]!,
  };
}

export class CardGuard {
  readonly #memory: Uint8Array;
  readonly #rom: Buffer;
  readonly #romBase: number;
  readonly #accessors: Accessors;

  /** @param memory of a card that has not had power yet */
  constructor(firmware: OpenFirmware, memory: WebAssembly.Memory) {
    this.#memory = new Uint8Array(memory.buffer);
    this.#romBase = firmware.romBase;
    this.#rom = Buffer.from(this.#memory.subarray(this.#romBase));
    this.#accessors = instantiate<Accessors>(firmware.accessors);
  }

  /** The card's whole state: with no mutable globals there is no other. */
  get arena(): Uint8Array {
    return this.#memory.subarray(0, ARENA_BYTES);
  }

  /** ROM untouched, nothing written outside the arena. */
  check(): void {
    const outside = this.#memory.subarray(ARENA_BYTES, this.#romBase);
    expect(outside.findIndex((byte) => byte !== 0) + 1, "first byte written outside the arena").toBe(0);
    expect(this.#rom.equals(this.#memory.subarray(this.#romBase)), "ROM as it was").toBe(true);
  }

  /** The firmware's own view of the arena as it is now. */
  get now(): Accessors {
    new Uint8Array(this.#accessors.memory.buffer).set(this.arena);
    return this.#accessors;
  }

  /** Whether all that was lent has come back. */
  get isAllFree(): boolean {
    return JSON.stringify(this.lent) === JSON.stringify(NOTHING_LENT);
  }

  /**
   * A connection in TIME-WAIT counts as free, for its block is given away as soon as another is needed
   * (firmware/net/tcb.ts, take).
   */
  get lent(): typeof NOTHING_LENT {
    const now = this.now;
    return {
      pbufs: PBUF_COUNT - now.pbufsFree(),
      headers: HEADER_PBUF_COUNT - now.headersFree(),
      sockets: now.socketsInUse(),
      tcbs: now.tcbsInUse() - now.timeWaits(),
    };
  }
}
