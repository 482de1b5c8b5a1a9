// A card and all that stands around it, as `netcard run` starts them:
//
//   chip ── contacts ── line ── T=0 reader ── Peer I/O server ── gateway ── forwarder ── 127.0.0.1
//
// On the first run the card is personalised over the same reader before the network is brought up.
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Chip } from "./chip/chip.ts";
import { FileNvm } from "./chip/nvm-file.ts";
import { NetcardError } from "./errors.ts";
import { LocalCa } from "./issuer/ca.ts";
import { CardCommands } from "./issuer/commands.ts";
import { readPages } from "./issuer/pages.ts";
import { personalise } from "./issuer/personalise.ts";
import { CARD_ADDRESS, Gateway } from "./ras/gateway.ts";
import { Forwarder } from "./ras/forwarder.ts";
import { CharacterLine } from "./reader/character-line.ts";
import { ChipContacts, type Contacts } from "./reader/contacts.ts";
import { PeerIoServer } from "./reader/peer-io-server.ts";
import { T0Reader } from "./reader/t0-reader.ts";

/** The project's folder, seen from dist/host. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HTTPS = 443;
const LINK_UP_MS = 30_000;

/** Contacts whose power can be cut. */
export type PoweredContacts = Contacts & { stop(): void | Promise<void> };

export interface HostOptions {
  /** Folder of the NVM image and of the CA. */
  directory: string;
  /** bit/s of the emulated link; default: as fast as it goes. */
  baud?: number;
  /** Folder of the files that a new card is given; default: the demo page. */
  pages?: string;
  /** The card's contacts; default: a chip in this process. */
  contacts?: PoweredContacts;
  /** Takes a line for each thing that is done. */
  say?: (line: string) => void;
}

export class NetcardHost {
  readonly #nvm: FileNvm;
  readonly #contacts: PoweredContacts;
  readonly #reader: T0Reader;
  readonly #peerIo: PeerIoServer;
  readonly #ca: LocalCa;
  readonly gateway: Gateway;
  readonly forwarder: Forwarder;
  readonly #say: (line: string) => void;

  /** The card's IPv4 address. */
  readonly address = CARD_ADDRESS;
  /** SHA-256 of the card's certificate, hex pairs with colons. */
  fingerprint = "";
  /** Rejects when the card is lost. */
  readonly failed: Promise<never>;

  /**
   * Boots a card, personalises a new one, and brings PPP up.
   * @throws NetcardError when the folder, the image or the card does not allow it
   */
  static async open(options: HostOptions): Promise<NetcardHost> {
    const host = new NetcardHost(options);
    try {
      await host.#boot(options);
      return host;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  private constructor({ directory, baud, contacts, say = () => undefined }: HostOptions) {
    this.#say = say;
    this.#nvm = FileNvm.open(directory);
    this.#ca = LocalCa.open(directory);
    const module = loadModule("card.wasm");
    this.#contacts =
      contacts ?? new ChipContacts((onLinkByte) => new Chip({ module, nvm: this.#nvm, onLinkByte }));
    this.#reader = new T0Reader({ line: new CharacterLine(this.#contacts, baud ? { baud } : {}) });
    let fail: (error: Error) => void;
    this.failed = new Promise<never>((_, reject) => (fail = reject));
    this.failed.catch(() => undefined); // whoever does not ask is not told
    this.#peerIo = new PeerIoServer({
      reader: this.#reader,
      onFromCard: (bytes) => this.gateway.receive(bytes),
      onTrouble: (trouble) => trouble && fail(new NetcardError(`The card was lost: ${trouble.message}`)),
    });
    this.gateway = new Gateway({
      module: loadModule("gateway.wasm"),
      toCard: (bytes) => this.#peerIo.sendToCard(bytes),
      onProgress: () => this.forwarder.pump(),
    });
    this.forwarder = new Forwarder(this.gateway, CARD_ADDRESS, HTTPS);
  }

  /** The CA's certificate, PEM. */
  get caFile(): string {
    return this.#ca.file;
  }

  /** Listens on 127.0.0.1. @param port 0: any free one @returns the port @throws NetcardError */
  listen(port: number): Promise<number> {
    return this.forwarder.listen(port);
  }

  /** Ends everything in order; the image is on disk afterwards. */
  async close(): Promise<void> {
    await this.forwarder.close();
    this.gateway.stop();
    await this.#peerIo.stop();
    await this.#contacts.stop();
    this.#nvm.close();
  }

  async #boot({ directory, pages = join(ROOT, "pages") }: HostOptions): Promise<void> {
    const atr = await this.#reader.connect();
    this.#say(`card: reset, ATR ${hex(atr.bytes)}`);
    const card = new CardCommands((apdu) => this.#reader.transmit(apdu));
    const { lifeCycle } = await card.status();
    if (lifeCycle !== "operational") await this.#personalise(directory, pages);
    else if ((await card.selfTest()) > 0) throw damaged(directory);
    const der = readCertificate(directory);
    this.fingerprint = new X509Certificate(der).fingerprint256;
    await this.#bringUp();
  }

  async #personalise(directory: string, pages: string): Promise<void> {
    let last = "";
    const certificate = await personalise({
      transmit: (apdu) => this.#reader.transmit(apdu),
      ca: this.#ca,
      addresses: [CARD_ADDRESS],
      files: readPages(pages),
      onProgress: ({ what }) => what !== last && this.#say(`personalisation: ${(last = what)}`),
    });
    writeFileSync(join(directory, "card.der"), certificate);
    await this.#reader.connect(); // an operational card brings its network up from its reset on
  }

  async #bringUp(): Promise<void> {
    this.#say("network: PPP between the card and the router");
    this.gateway.start();
    this.#peerIo.start();
    const deadline = performance.now() + LINK_UP_MS;
    while (!this.gateway.isUp) {
      if (performance.now() > deadline)
        throw new NetcardError("PPP did not come up: is the link too slow or the card mute?");
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), this.failed]);
    }
    this.#say(`network: up, the card is ${CARD_ADDRESS}`);
  }
}

function loadModule(name: string): WebAssembly.Module {
  const path = join(ROOT, "build", name);
  try {
    return new WebAssembly.Module(readFileSync(path));
  } catch {
    throw new NetcardError(`${path} is missing or broken: run npm run build.`);
  }
}

function damaged(directory: string): NetcardError {
  return new NetcardError(
    `${join(directory, "card.nvm")} is damaged: put a copy back, or move it away and a new card will be made.`,
  );
}

function readCertificate(directory: string): Buffer {
  return readFileSync(join(directory, "card.der"));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}
