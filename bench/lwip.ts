// lwIP in the card's place: bench/lwip-server.c in a process of its own, on the bench's clock. It is asked and answers, by
// two pipes, before time goes on. Its transmitter takes whatever it has: the line sends it in turn. It ends with its input.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventClock } from "./clock.ts";
import type { Stack } from "./serial-port.ts";

const HEAD_BYTES = 8;
const FOREVER = 0xffffffff;
const FLAG = 0x7e;
/** A program that says nothing for so long, ms of the machine's, is broken. */
const PATIENCE_MS = 10_000;
const NAP_MS = 0.1;

export class LwipServer implements Stack {
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  readonly #clock: EventClock;
  readonly #hasRoom: () => boolean;
  readonly #folder = mkdtempSync(join(tmpdir(), "netcard-bench-"));
  readonly #child: ChildProcess;
  readonly #pipes: [to: number, from: number];
  #input: number[] = [];
  #output: number[] = [];
  #isDue = false;
  #cancel: () => void = () => undefined;

  constructor(program: string, clock: EventClock, hasRoom: () => boolean) {
    this.#clock = clock;
    this.#hasRoom = hasRoom;
    const names = ["to", "from"].map((name) => join(this.#folder, name));
    execFileSync("mkfifo", names);
    const mine = names.map((name) => openSync(name, constants.O_RDWR | constants.O_NONBLOCK));
    const theirs = names.map((name, i) => openSync(name, i === 0 ? "r" : "w")); // the program ends with this one
    this.#pipes = mine as [number, number];
    this.#child = spawn(program, { stdio: [...theirs, "inherit"] });
    theirs.forEach((fd) => closeSync(fd));
  }

  reset(): void {
    this.#isDue = true;
    this.flush();
  }

  write(byte: number): void {
    this.#input.push(byte);
    if (byte === FLAG) this.#isDue = true;
  }

  flush(): void {
    if (this.#isDue) this.#ask();
    while (this.#output.length > 0 && this.#hasRoom()) this.onCharacter(this.#output.shift()!);
  }

  close(): void {
    this.#child.kill();
    this.#pipes.forEach((fd) => closeSync(fd));
    rmSync(this.#folder, { recursive: true });
  }

  #ask(): void {
    this.#isDue = false;
    this.#cancel();
    const input = Buffer.from(this.#input.splice(0));
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(Math.floor(this.#clock.now()), 0);
    head.writeUInt32LE(input.length, 4);
    writeSync(this.#pipes[0], Buffer.concat([head, input]));
    const answer = this.#read(HEAD_BYTES);
    this.#output.push(...this.#read(answer.readUInt32LE(4)));
    const wait = answer.readUInt32LE(0);
    if (wait === FOREVER) return;
    this.#cancel = this.#clock.after(Math.max(1, wait), () => {
      this.#isDue = true;
      this.flush();
    });
  }

  #read(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const end = performance.now() + PATIENCE_MS;
    for (let at = 0; at < length;) {
      const came = readNow(this.#pipes[1], bytes, at);
      if (came === 0 && performance.now() > end) throw new Error("lwIP does not answer");
      if (came === 0) Atomics.wait(nap, 0, 0, NAP_MS);
      at += came;
    }
    return bytes;
  }
}

const nap = new Int32Array(new SharedArrayBuffer(4));

/** @returns bytes that were there */
function readNow(fd: number, target: Buffer, at: number): number {
  try {
    return readSync(fd, target, at, target.length - at, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}
