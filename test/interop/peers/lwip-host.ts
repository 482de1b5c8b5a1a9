// lwIP's PPPoS and TCP as the host of a serial card: test/interop/peers/lwip-ppp.c in a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { SerialCard } from "../../support/serial-card.ts";
import { compileLwip } from "./lwip.ts";

const FOLDERS = ["core", "core/ipv4", "netif/ppp"];
const ANSWER_MS = 8_000;

/** @param source lwIP's src @returns the program's path */
export function buildLwipHost(source: string): string {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(source, folder))
      .filter((name) => name.endsWith(".c"))
      .map((name) => `${folder}/${name}`),
  );
  return compileLwip(source, "lwip-ppp", files);
}

export class LwipHost {
  /** Of 127.0.0.1, joined to the card's port 443. */
  port = 0;
  readonly #child: ChildProcess;
  readonly #control: Duplex;
  #text = "";
  #lines: string[] = [];
  #onLine: () => void = () => undefined;

  /** Starts the program on a card's line. */
  static async start(program: string, card: SerialCard): Promise<LwipHost> {
    const host = new LwipHost(program, card);
    host.port = Number((await host.told("port"))[0]);
    return host;
  }

  private constructor(program: string, card: SerialCard) {
    this.#child = spawn(program, { stdio: ["pipe", "pipe", "inherit", "pipe"] });
    this.#control = this.#child.stdio[3] as Duplex;
    this.#control.on("data", (data) => this.#take(String(data)));
    this.#control.on("error", () => undefined); // it may be killed
    this.#child.stdin!.on("error", () => undefined);
    this.#child.stdout!.on("data", (bytes: Uint8Array) => card.send(bytes));
    card.onBytes = (bytes) => this.#child.stdin!.write(bytes);
  }

  /** Gives a command and waits for what it tells, `word` first. @returns what follows the word */
  ask(command: string, word: string): Promise<string[]> {
    this.#control.write(`${command}\n`);
    return this.told(word);
  }

  /** Waits for a line that begins with a word. @returns what follows it @throws Error after 20 s */
  async told(word: string): Promise<string[]> {
    const deadline = performance.now() + ANSWER_MS;
    for (;;) {
      const at = this.#lines.findIndex((line) => line.startsWith(`${word} `));
      if (at >= 0)
        return this.#lines
          .splice(0, at + 1)
          .at(-1)!
          .split(" ")
          .slice(1);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`lwIP does not say "${word}", but: ${this.#lines.join("; ")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onLine = () => (clearTimeout(timer), resolve());
      });
    }
  }

  /** Ends the process without a word to the card. */
  kill(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once("close", () => resolve());
      this.#child.kill("SIGKILL");
    });
  }

  #take(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop()!;
    this.#lines.push(...lines);
    if (lines.length > 0) this.#onLine();
  }
}
