// A card on a bench: called directly, byte by byte, its state put back in an instant. What it is fed with are recorded
// conversations: the frames that a real client's gateway sent, each with the state of the card that expected it.
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { CARD_ADDRESS } from "../../host/ras/gateway.ts";
import { CardGuard } from "./card-guard.ts";
import { decode } from "./link.ts";
import { randomFrom } from "./random.ts";
import { type CardState, type Personality, WholeCard } from "./whole-card.ts";

const CLASS = 0x12;
const POLL = 0xe8;
const PUT = 0xea;
const GET = 0xec;
const READY_WRITE = 0x6c;
const FLAG = 0x7e;
/** No answer of a card's is longer. */
const MAX_GETS = 64;

/** A moment of a good conversation: what came next. */
export interface Moment {
  state: CardState;
  /** Frames, from the protocol field to before the FCS. */
  frames: number[][];
}

/**
 * Records how a card's network comes up, answers a ping and gives a page: one moment for each time that the reader put
 * frames.
 */
export async function record(personality: Personality, path: string): Promise<Moment[]> {
  const moments: { state: CardState; stream: number[] }[] = [];
  let isBoundary = true;
  const onCommand = (apdu: Uint8Array, { state, nvm }: WholeCard) => {
    if (apdu[1] !== PUT) return;
    const last = moments.at(-1);
    if (last && nvm.writes === writes) state.cells = last.state.cells; // shared, for restore() to be quick
    writes = nvm.writes;
    if (isBoundary) moments.push({ state, stream: [FLAG] });
    moments.at(-1)!.stream.push(...apdu.subarray(5));
    isBoundary = apdu.at(-1) === FLAG;
  };
  let writes = -1;
  const card = await WholeCard.openVirtual(personality, { onCommand });
  await card.gateway.ping(CARD_ADDRESS);
  await card.expectPage(path);
  await card.expectAllFree();
  await card.close();
  return moments.map(({ state, stream }) => ({ state, frames: decode(stream) }));
}

export class CardBench {
  readonly guard: CardGuard;
  readonly #chip: Chip;
  readonly #nvm: JournalNvm;
  #nowMs = 0;
  #output: number[] = [];

  constructor(readonly personality: Personality) {
    this.#nvm = new JournalNvm(personality.cells.slice());
    this.#chip = new Chip({
      module: personality.firmware.module,
      nvm: this.#nvm,
      onLinkByte: (byte) => this.#output.push(byte),
      clock: () => this.#nowMs,
      random: randomFrom(),
    });
    this.guard = new CardGuard(personality.firmware, this.#chip.exports.memory!);
  }

  get state(): CardState {
    return { arena: this.guard.arena.slice(), cells: this.#nvm.cells.slice(), nowMs: this.#nowMs };
  }

  restore(state: CardState): void {
    this.guard.arena.set(state.arena);
    this.#nvm.restore(state.cells);
    this.#nowMs = state.nowMs;
    this.#output = [];
  }

  /** Characters come, whatever the card has to say. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#chip.receive(byte);
  }

  /** Steps until there is nothing to do at once. @returns what the card said */
  run(): number[] {
    for (let i = 0; i < 500 && this.#chip.step() === 0; i++);
    return this.#output.splice(0);
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  tick(): void {
    this.#chip.timer();
  }

  /** One command of a reader that follows T=0. @returns what the card said, its procedure bytes included */
  command(ins: number, p3: number, data: number[] = []): number[] {
    this.receive([CLASS, ins, 0, 0, p3]);
    const said = this.run();
    if (data.length === 0 || said.length !== 1) return said;
    this.receive(data);
    return this.run();
  }

  /** A stream of bytes to the card. @returns the frames that it has to say, from their protocol fields on */
  exchange(stream: number[]): number[][] {
    const answer = [FLAG];
    for (let at = 0; at < stream.length; at += 255) {
      const part = stream.slice(at, at + 255);
      answer.push(...this.take(this.command(PUT, part.length, part)));
    }
    return decode(answer);
  }

  /** Gets what a status announces. @param said ends with it; default: asks for it @returns the bytes got */
  take(said: number[] = this.command(POLL, 1, [0])): number[] {
    const got: number[] = [];
    for (let i = 0; i < MAX_GETS && said.at(-2) === READY_WRITE; i++) {
      said = this.command(GET, said.at(-1)!);
      got.push(...said.slice(1, -2));
    }
    return got;
  }

  /** A silence after which a command that stopped halfway is forgotten. */
  settle(): void {
    for (let i = 0; i < 60; i++) {
      this.tick();
      this.run();
    }
  }

  /** A frame that stopped halfway is ended; the reader takes what the card says, and nobody answers. @param ms so long */
  leaveAlone(ms: number): void {
    this.settle();
    this.exchange([FLAG]);
    for (const end = this.#nowMs + ms; this.#nowMs < end;) {
      this.take();
      this.pass(Math.min(Math.max(this.#chip.step(), 1), 10_000));
    }
    this.take();
  }
}

/** NVM whose writes can be taken back. */
class JournalNvm extends MemoryNvm {
  #base: Uint8Array | undefined;
  #written = new Set<number>();

  override write(address: number, byte: number): void {
    this.#written.add(address);
    super.write(address, byte);
  }

  restore(cells: Uint8Array): void {
    if (cells === this.#base) for (const address of this.#written) this.cells[address] = cells[address]!;
    else this.cells.set(cells);
    this.#base = cells;
    this.#written.clear();
  }
}
