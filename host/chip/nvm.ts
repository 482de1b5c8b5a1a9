// The cells of the chip's non-volatile memory: byte-addressed, worn by writes, and written until the moment that power
// fails.

/** What the chip's NVM pins are wired to. Addresses in bytes; bytes 0..255. */
export interface Nvm {
  readonly bytes: number;
  read(address: number): number;
  write(address: number, byte: number): void;
}

/** Erased cells read so. */
export const ERASED = 0xff;

/** Bytes of a page, the unit in which wear is counted. */
export const PAGE_BYTES = 64;

/** NVM in the memory of this process. */
export class MemoryNvm implements Nvm {
  readonly cells: Uint8Array;
  /** Writes of each page. */
  readonly wear: Uint32Array;
  /** Writes of all pages. */
  writes = 0;

  /** @param cells the image to start from, or the number of erased bytes */
  constructor(cells: Uint8Array | number) {
    this.cells = typeof cells === "number" ? new Uint8Array(cells).fill(ERASED) : cells;
    this.wear = new Uint32Array(Math.ceil(this.cells.length / PAGE_BYTES));
  }

  get bytes(): number {
    return this.cells.length;
  }

  read(address: number): number {
    return this.cells[address] ?? ERASED;
  }

  write(address: number, byte: number): void {
    if (address >= this.cells.length) return; // no such cell
    this.cells[address] = byte;
    this.writes++;
    const page = Math.floor(address / PAGE_BYTES);
    this.wear[page] = (this.wear[page] ?? 0) + 1;
  }
}

/** Power failed at an NVM write: thrown out of the chip, whose RAM is lost. */
export class PowerCut extends Error {}

/** NVM whose power fails before the write number `cutBefore`, counted from 0. */
export class CuttingNvm extends MemoryNvm {
  constructor(
    cells: Uint8Array | number,
    readonly cutBefore: number,
  ) {
    super(cells);
  }

  override write(address: number, byte: number): void {
    if (this.writes >= this.cutBefore) throw new PowerCut(`power failed before NVM write ${this.writes}`);
    super.write(address, byte);
  }
}
