// A personalised card on a serial line (firmware/card-serial.ts), for hosts other than ours.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { CARDS } from "../../host/cards.mjs";
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { SerialLine } from "../../host/ras/serial-line.ts";
import { ChipContacts } from "../../host/reader/contacts.ts";
import { compile } from "../../scripts/firmware.mjs";
import { type Page, type Personality } from "./whole-card.ts";

/** A card that authenticates itself: "card", by the secret "open sesame". */
export const AUTHENTICATED_CARD = {
  ...CARDS.serial,
  entry: "test/firmware/card-serial-auth.ts",
  out: "build/test/card-serial-auth.wasm",
  use: { PPP_AUTH: 1 },
};
/** A card that resolves names, so that it asks its host for a name server. */
export const RESOLVING_CARD = {
  ...CARDS.serial,
  out: "build/test/card-serial-dns.wasm",
  use: { UDP: 1, DNS: 1 },
};

export class SerialCard {
  /** Takes what the card sends; whoever is at the other end sets it. */
  onBytes: (bytes: Uint8Array) => void = () => undefined;
  readonly #contacts: ChipContacts;
  readonly #line: SerialLine;

  /** A copy of a card, with power. */
  static async open(personality: Personality, firmware = CARDS.serial): Promise<SerialCard> {
    const file = await compile(firmware);
    return new SerialCard(new WebAssembly.Module(readFileSync(file)), personality);
  }

  private constructor(module: WebAssembly.Module, personality: Personality) {
    const nvm = new MemoryNvm(personality.cells.slice());
    this.#contacts = new ChipContacts((onLinkByte) => new Chip({ module, nvm, onLinkByte }));
    this.#line = new SerialLine({
      contacts: this.#contacts,
      onFromCard: (bytes) => this.onBytes(bytes),
      onTrouble: (trouble) => {
        throw trouble;
      },
    });
    this.#line.start();
  }

  send(bytes: Uint8Array): void {
    this.#line.sendToCard(bytes);
  }

  /** The reset pin. */
  reset(): void {
    this.#contacts.reset();
  }

  close(): void {
    this.#line.stop();
    this.#contacts.stop();
  }
}

/** GETs a page on a connection of its own. @param port of 127.0.0.1, joined to the card's 443 @param ca PEM */
export function fetchPage(port: number, path: string, ca: Buffer): Promise<Page> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, ca, agent: false, timeout: 30_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
      response.on("error", reject);
    })
      .on("timeout", () => reject(new Error(`${path}: silence`)))
      .on("error", reject)
      .end();
  });
}
