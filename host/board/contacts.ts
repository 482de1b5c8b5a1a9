// The contacts of a card that is a board in QEMU: power, reset, and characters over its UART.
import { NetcardError } from "../errors.ts";
import type { Contacts } from "../reader/contacts.ts";
import { Board, type BoardOptions } from "./qemu.ts";

export class BoardContacts implements Contacts {
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  readonly #options: BoardOptions;
  #output: number[] = [];
  /** The board that has power; one after the other. */
  #board: Promise<Board | undefined> = Promise.resolve(undefined);

  constructor(options: BoardOptions) {
    this.#options = options;
  }

  /** @returns the board while it has power */
  get board(): Promise<Board | undefined> {
    return this.#board;
  }

  write(byte: number): void {
    this.#output.push(byte);
  }

  flush(): void {
    const bytes = Uint8Array.from(this.#output);
    this.#output = [];
    if (bytes.length > 0) void this.#board.then((board) => board?.line.write(bytes));
  }

  /** Off and on again. */
  reset(): void {
    this.#output = [];
    const before = this.#board;
    this.#board = before
      .then((board) => board?.cutPower())
      .then(() => this.#plugIn())
      .catch((error: unknown) => {
        this.onGone(error instanceof Error ? error : new Error(String(error)));
        return undefined;
      });
  }

  /** The power fails. */
  async stop(): Promise<void> {
    const before = this.#board;
    this.#board = Promise.resolve(undefined);
    await (await before)?.cutPower();
  }

  async #plugIn(): Promise<Board> {
    const board = await Board.boot(this.#options);
    board.line.on("data", (bytes: Buffer) => bytes.forEach((byte) => this.onCharacter(byte)));
    board.line.once("close", () => {
      if (!board.isCut) this.onGone(new NetcardError("QEMU stopped."));
    });
    return board;
  }
}
