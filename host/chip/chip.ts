// The chip around a firmware module: supplies its pins, and nothing else. What the module does not export, this process
// can't read: the sandbox is the chip's boundary.
import type { Nvm } from "./nvm.ts";

/** The exports of every firmware module. */
interface FirmwareExports {
  powerOn(): void;
  receive(byte: number): void;
  step(): number;
  timer?(): void;
  memory?: WebAssembly.Memory;
}

export interface ChipOptions {
  /** The firmware, compiled. */
  module: WebAssembly.Module;
  /** Its non-volatile memory. */
  nvm: Nvm;
  /** Takes each byte that the chip puts on its link. Not called re-entrantly into the chip: queue, don't answer. */
  onLinkByte: (byte: number) => void;
  /** Has the link room for one more byte? When it has again, step() wants to be called. Default: always. */
  hasLinkRoom?: () => boolean;
  /** Milliseconds, monotonic; default: the machine's clock. */
  clock?: () => number;
  /** 32 bits of entropy; default: the machine's generator. */
  random?: () => number;
}

/** step() asks for no further call before the next byte. */
export const FOREVER = 0xffffffff;

/** The firmware trapped: a defect of ours, or proof that the chip stopped before it did harm. */
export class ChipTrap extends Error {}

/** One chip. After construction it is without power. */
export class Chip {
  readonly exports: FirmwareExports;

  /** @throws WebAssembly.LinkError when the module asks for a pin that no chip has */
  constructor(options: ChipOptions) {
    const { nvm, clock = () => performance.now(), random = systemRandom, hasLinkRoom = () => true } = options;
    const pins = {
      linkWrite: (byte: number) => (hasLinkRoom() ? (options.onLinkByte(byte & 0xff), 1) : 0),
      nvmRead: (address: number) => nvm.read(address >>> 0),
      nvmWrite: (address: number, byte: number) => nvm.write(address >>> 0, byte & 0xff),
      clockMs: () => Math.floor(clock()) >>> 0,
      random32: () => random() >>> 0,
      trace: () => undefined,
    };
    this.exports = new WebAssembly.Instance(options.module, { pins }).exports as unknown as FirmwareExports;
  }

  /** Power on, or the reset pin: RAM is cleared, the firmware starts anew. */
  powerOn(): void {
    this.#run(() => this.exports.powerOn());
  }

  /** The receive interrupt: one byte, 0..255, has arrived on the link. */
  receive(byte: number): void {
    this.#run(() => this.exports.receive(byte));
  }

  /**
   * Lets the firmware do what can be done now.
   * @returns ms until it wants to be called again, 0: at once, FOREVER: after the next byte
   */
  step(): number {
    return this.#run(() => this.exports.step()) >>> 0;
  }

  /** The timer interrupt, due every 100 ms or so while the card owes its reader an answer. */
  timer(): void {
    this.#run(() => this.exports.timer?.());
  }

  #run<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError)
        throw new ChipTrap(`the firmware trapped: ${error.message}`, { cause: error });
      throw error;
    }
  }
}

function systemRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
