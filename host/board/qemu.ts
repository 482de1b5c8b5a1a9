// A board in QEMU: its UART as a byte stream, its RAM as the debugger sees it, its power plug.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { NetcardError } from "../errors.ts";
import { Qmp } from "./qmp.ts";

/** What boards/build.mjs writes beside an image: the fields that are read here. */
interface Image {
  board: { machine: string; clockHz: number };
  symbols: Record<string, number>;
}

export interface BoardOptions {
  /** Path of image.json; image.elf lies beside it. */
  image: string;
  /** Folder of card.nvm, the cells of the board's NVM: whoever opened it as a FileNvm has made it and holds its lock. */
  folder: string;
  /** Let virtual time count instructions: 2^4 ns each, 62.5 million a second. */
  countInstructions?: boolean;
}

/** Nanoseconds of virtual time that one instruction takes, as a power of two. */
const ICOUNT_SHIFT = 4;

/** Why the firmware was stopped, by number: `enum trap` of boards/wasm-rt.h. */
const TRAPS = [undefined, "store outside the arena", "division", "unreachable", "stack overflow", "fault"];

/** What start.c paints the stack with. */
const PAINT = 0xdeadbeef;

export class Board {
  readonly #image: Image;
  readonly #process: ChildProcess;
  readonly #qmp: Qmp;
  readonly #countInstructions: boolean;
  #isCut = false;
  /** The UART: bytes from and to the board, without framing. */
  readonly line: Socket;

  private constructor(
    image: Image,
    process: ChildProcess,
    line: Socket,
    qmp: Qmp,
    countInstructions: boolean,
  ) {
    this.#image = image;
    this.#process = process;
    this.#qmp = qmp;
    this.#countInstructions = countInstructions;
    this.line = line;
  }

  /**
   * Plug a board in: QEMU starts, the firmware runs.
   * @throws Error, one sentence, when QEMU is missing or stops at once
   */
  static async boot(options: BoardOptions): Promise<Board> {
    const { countInstructions = false } = options;
    const image = JSON.parse(readFileSync(options.image, "utf8")) as Image;
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const argv = [
      ...["-M", image.board.machine, "-kernel", join(dirname(options.image), "image.elf")],
      ...["-display", "none", "-monitor", "none", "-qmp", "stdio"],
      ...[
        "-chardev",
        `socket,id=uart,host=127.0.0.1,port=${portOf(server)},nodelay=on`,
        "-serial",
        "chardev:uart",
      ],
      ...["-semihosting-config", "enable=on,target=native"],
      ...(countInstructions ? ["-icount", `shift=${ICOUNT_SHIFT}`] : []),
    ];
    const child = spawn("qemu-system-arm", argv, { cwd: options.folder, stdio: ["pipe", "pipe", "pipe"] });
    const unplug = (): void => void child.kill("SIGKILL");
    process.once("exit", unplug);
    child.once("exit", () => process.off("exit", unplug));
    try {
      const line = await Promise.race([firstConnection(server), failureOf(child)]);
      line.setNoDelay(true);
      line.on("error", () => line.destroy()); // the plug was pulled
      const qmp = await Qmp.open(child.stdin, child.stdout);
      const board = new Board(image, child, line, qmp, countInstructions);
      await board.#started();
      return board;
    } catch (error) {
      unplug();
      throw error;
    } finally {
      server.close();
    }
  }

  /** cutPower() was called: that QEMU is gone is no surprise. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** The power fails now: everything in RAM is lost, what NVM writes were done stay. */
  async cutPower(): Promise<void> {
    this.#isCut = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
    this.line.destroy();
  }

  /** @returns words of the board's memory, as a debugger on its pins would read them */
  async words(address: number, count: number): Promise<number[]> {
    const dump = await this.#qmp.monitor(`xp /${count}xw ${address}`);
    return [...dump.matchAll(/0x([0-9a-f]{8})/g)].map(([, hex = ""]) => parseInt(hex, 16));
  }

  /** @returns bytes of C stack that have ever been used, and how many there are; the lowest word is the guard */
  async stack(): Promise<{ peak: number; bytes: number; guardIntact: boolean }> {
    const floor = this.#address("stack_floor");
    const bytes = this.#address("stack_top") - floor;
    const words = await this.words(floor, bytes / 4);
    const untouched = words.findIndex((word) => word !== PAINT);
    return { peak: bytes - 4 * untouched, bytes, guardIntact: words[0] === PAINT };
  }

  /** @returns why the firmware was stopped last, undefined when it was not */
  async trapped(): Promise<string | undefined> {
    const [code = 0] = await this.words(this.#address("trapped"), 1);
    return code === 0 ? undefined : (TRAPS[code] ?? `trap ${code}`);
  }

  /**
   * Instructions executed since reset while the firmware had work, as far as it had fallen idle; wraps.
   * @throws Error when the board was not booted to count them
   */
  async instructions(): Promise<number> {
    if (!this.#countInstructions) throw new Error("this board was not booted with countInstructions");
    const [ticks = 0] = await this.words(this.#address("busy_ticks"), 1);
    return Math.round((ticks * 1e9) / this.#image.board.clockHz / 2 ** ICOUNT_SHIFT);
  }

  /** Until the firmware's clock runs: a UART without FIFO loses what comes before it is on. */
  async #started(): Promise<void> {
    while ((await this.words(this.#address("clock_ms"), 1))[0] === 0) await setTimeout(1);
  }

  #address(symbol: string): number {
    const address = this.#image.symbols[symbol];
    if (address === undefined) throw new Error(`the image has no symbol ${symbol}`);
    return address;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function firstConnection(server: Server): Promise<Socket> {
  const [line] = (await once(server, "connection")) as [Socket];
  return line;
}

/** Rejects when QEMU can't be started or stops. */
function failureOf(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    let complaint = "";
    child.stderr?.on("data", (text: Buffer) => (complaint += text.toString()));
    child.once("exit", (code) =>
      reject(new NetcardError(`QEMU stopped with exit code ${code}: ${complaint.trim()}`)),
    );
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new NetcardError("qemu-system-arm is missing: install the Debian package qemu-system-arm")
          : error,
      ),
    );
  });
}
