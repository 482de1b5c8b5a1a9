// QEMU's machine protocol: JSON lines, one answer a command, in order; what is no answer is an event and not looked at.
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

interface Message {
  QMP?: unknown;
  return?: unknown;
  error?: { desc: string };
}

export class Qmp {
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #output: Writable;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(output: Writable, input: Readable) {
    this.#output = output;
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
    output.on("error", () => undefined); // QEMU is gone: the answer's wait says so
  }

  /** Shakes hands with a QEMU that was started with `-qmp stdio`. */
  static async open(output: Writable, input: Readable): Promise<Qmp> {
    const qmp = new Qmp(output, input);
    await qmp.#next((message) => message.QMP !== undefined);
    await qmp.#execute("qmp_capabilities");
    return qmp;
  }

  /** @returns what the human monitor says to a command line */
  async monitor(command: string): Promise<string> {
    const result = this.#turn.then(() => this.#execute("human-monitor-command", { "command-line": command }));
    this.#turn = result.catch(() => undefined);
    return String(await result);
  }

  async #execute(command: string, argument: object = {}): Promise<unknown> {
    const answer = this.#next((message) => message.return !== undefined || message.error !== undefined);
    this.#output.write(`${JSON.stringify({ execute: command, arguments: argument })}\n`);
    const { return: value, error } = await answer;
    if (error) throw new Error(`QEMU: ${error.desc}`);
    return value;
  }

  async #next(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error("QEMU has stopped");
      const message = JSON.parse(value) as Message;
      if (wanted(message)) return message;
    }
  }
}
