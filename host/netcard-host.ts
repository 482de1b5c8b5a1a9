// A card and all that stands around it, as `netcard run` starts them:
//
//   chip ── contacts ── line ── T=0 reader ── Peer I/O server ── gateway ── forwarder ── 127.0.0.1
//   chip ── contacts ────────────────────── serial line ────────────┘
//
// or, instead of gateway and forwarder, the kernel's own network behind a TUN device.
//
// On the first run the card is personalised over the same reader before the network is brought up. A serial card has no
// reader: its NVM is first put into a chip that has one.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CARDS, type CardKind } from "./cards.mjs";
import { Chip } from "./chip/chip.ts";
import { FileNvm } from "./chip/nvm-file.ts";
import { MemoryNvm, type Nvm } from "./chip/nvm.ts";
import { codeOf, writeWhole } from "./data-dir.ts";
import { NetcardError } from "./errors.ts";
import { LocalCa } from "./issuer/ca.ts";
import { type Errand, errandFiles, portOf } from "./issuer/errand.ts";
import type { KeyUse } from "./issuer/certificate.ts";
import { CardCommands, type CardFile } from "./issuer/commands.ts";
import { readPages } from "./issuer/pages.ts";
import { layoutOf, personalise } from "./issuer/personalise.ts";
import { ASK } from "./issuer/target.ts";
import type { Ras, RasOptions } from "./ras/engine.ts";
import { CARD_ADDRESS, GATEWAY_ADDRESS, Gateway } from "./ras/gateway.ts";
import { Forwarder } from "./ras/forwarder.ts";
import { Outlet } from "./ras/outlet.ts";
import { SerialLine } from "./ras/serial-line.ts";
import { TunRas } from "./ras/tun-ras.ts";
import type { Tun } from "./ras/tun.ts";
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
  /** Folder of the NVM image, and of the CA unless caDirectory says otherwise. */
  directory: string;
  /** Folder of a CA that several cards have in common. */
  caDirectory?: string;
  /** The kernel's network, where the card is a host of its own; default: a router and a listener in user space. */
  tun?: Tun;
  /** The card's dotted IPv4 address, for which its certificate is made; default: 10.77.0.2, the only one without tun. */
  address?: string;
  /** Which card; default: iso7816. */
  card?: CardKind;
  /** What a client card fetches, from this machine's loopback: the only port there that it may reach. */
  errand?: Errand;
  /** With tun, dotted IPv4 address of a name server: a client card asks it for the address of the errand's server. */
  dns?: string;
  /** bit/s of the reader's emulated line; default: as fast as it goes. */
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
  /** The contacts in the reader: the card's, or those of the chip that stands in for a serial card. */
  readonly #inReader: PoweredContacts;
  readonly #reader: T0Reader;
  readonly #link: PeerIoServer | SerialLine;
  readonly #ca: LocalCa;
  readonly #ras: Ras;
  /** null: the kernel reaches the card itself. */
  readonly #forwarder: Forwarder | null = null;
  readonly #outlet: Outlet | null = null;
  readonly #say: (line: string) => void;
  readonly #options: HostOptions;
  #fail: (error: Error) => void = () => undefined;
  #isClosed = false;

  /** The card's IPv4 address. */
  readonly address: string;
  /** SHA-256 of the card's certificate, hex pairs with colons. */
  fingerprint = "";
  /** Rejects when the card is lost. */
  readonly failed: Promise<never>;

  /**
   * Opens the folder. A card whose memory is damaged is not powered: it would write there.
   * @throws NetcardError when the folder or the image does not allow it
   */
  static async open(options: HostOptions): Promise<NetcardHost> {
    const nvm = FileNvm.open(options.directory);
    try {
      const ca = await LocalCa.open(options.caDirectory ?? options.directory, options.card === "rsa");
      if (!options.contacts || options.card === "serial") await testCopy(nvm.cells, options);
      return new NetcardHost(options, nvm, ca);
    } catch (error) {
      nvm.close();
      throw error;
    }
  }

  private constructor(options: HostOptions, nvm: FileNvm, ca: LocalCa) {
    const { baud, card = "iso7816", say = () => undefined } = options;
    const isSerial = card === "serial";
    this.#options = options;
    this.address = options.address ?? CARD_ADDRESS;
    this.#say = say;
    this.#nvm = nvm;
    this.#ca = ca;
    this.#contacts = options.contacts ?? contactsOf(card, nvm);
    this.#inReader = isSerial ? contactsOf("iso7816", nvm) : this.#contacts;
    this.#reader = new T0Reader({ line: new CharacterLine(this.#inReader, baud ? { baud } : {}) });
    this.failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined); // whoever does not ask is not told
    const onTrouble = (trouble: Error | null) => trouble && this.#fail(loss(trouble));
    const ends = {
      onFromCard: (bytes: Uint8Array) => this.#ras.receive(bytes),
      onTaken: () => this.#ras.wake(),
      onTrouble,
    };
    this.#link = isSerial
      ? new SerialLine({ contacts: this.#contacts, ...ends })
      : new PeerIoServer({ reader: this.#reader, ...ends });
    const link = {
      toCard: (bytes: Uint8Array) => this.#link.sendToCard(bytes),
      waiting: () => this.#link.queuedBytes,
      onTrouble,
    };
    if (options.tun) this.#ras = tunRas(link, options, options.tun, this.address);
    else {
      const onProgress = () => {
        this.#forwarder?.pump();
        this.#outlet?.pump();
      };
      const gateway = new Gateway({ module: loadModule("build/gateway.wasm"), ...link, onProgress });
      this.#forwarder = new Forwarder(gateway, CARD_ADDRESS, HTTPS);
      this.#outlet = new Outlet(gateway, options.errand ? [portOf(options.errand)] : []);
      this.#ras = gateway;
    }
  }

  /** The CA's certificate, PEM. */
  get caFile(): string {
    return this.#ca.file;
  }

  /**
   * Listens on 127.0.0.1; clients wait until the card is there.
   * @param port 0: any free one
   * @returns the port
   * @throws NetcardError
   */
  listen(port: number): Promise<number> {
    if (!this.#forwarder) throw new NetcardError("With a TUN device nothing listens on loopback.");
    return this.#forwarder.listen(port);
  }

  /**
   * Boots the card, personalises a new one, and brings PPP up.
   * @throws NetcardError when the card or the folder does not allow it
   */
  async start(): Promise<void> {
    const atr = await this.#connect();
    this.#say(`card: reset, ATR ${hex(atr.bytes)}`);
    const card = commandsOf(this.#options, this.#reader);
    const { lifeCycle } = await card.status();
    if (lifeCycle !== "operational") await this.#personalise();
    else if ((await card.selfTest()) > 0) throw damaged(this.#options.directory);
    this.fingerprint = this.#readCertificate().fingerprint256;
    await this.#bringUp();
  }

  /** Ends everything in order, start() too; the image is on disk afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fail(new NetcardError("The card was switched off."));
    await this.#forwarder?.close();
    this.#outlet?.close();
    this.#ras.stop();
    await this.#link.stop();
    await this.#inReader.stop();
    await this.#contacts.stop();
    this.#nvm.close();
  }

  /** After close() the card gets no power again: start() ends there. */
  #connect(): ReturnType<T0Reader["connect"]> {
    return this.#isClosed ? this.failed : this.#reader.connect();
  }

  async #personalise(): Promise<void> {
    let last = "";
    await personalise({
      transmit: (apdu) => this.#reader.transmit(apdu),
      ca: this.#ca,
      addresses: [this.address],
      rsaKey: rsaKeyOf(this.#options),
      files: [...readPages(this.#options.pages ?? join(ROOT, "pages")), ...this.#errandFiles()],
      onCertificate: (der) => this.#keepCertificate(der),
      onProgress: ({ what }) => what !== last && this.#say(`personalisation: ${(last = what)}`),
    });
    await this.#connect(); // an operational card brings its network up from its reset on
  }

  #errandFiles(): CardFile[] {
    const { errand, dns } = this.#options;
    return errand ? errandFiles(errand, dns ? ASK : GATEWAY_ADDRESS) : [];
  }

  get #certificateFile(): string {
    return join(this.#options.directory, "card.der");
  }

  #keepCertificate(der: Uint8Array): void {
    try {
      writeWhole(this.#certificateFile, der, 0o644);
    } catch (error) {
      throw new NetcardError(
        `Cannot write ${this.#certificateFile} (${codeOf(error)}): make room and start again.`,
      );
    }
  }

  #readCertificate(): X509Certificate {
    try {
      const certificate = new X509Certificate(readFileSync(this.#certificateFile));
      if (this.#ca.hasIssued(certificate)) return this.#checked(certificate);
    } catch (error) {
      if (error instanceof NetcardError) throw error;
      // Missing, or no certificate: for the reader the same.
    }
    throw new NetcardError(
      `${this.#certificateFile} is missing or not issued by ${this.#ca.file}: put copies back, or move card.nvm away and a new card will be made.`,
    );
  }

  /** @throws NetcardError when it is for another address */
  #checked(certificate: X509Certificate): X509Certificate {
    if (certificate.checkIP(this.address)) return certificate;
    throw new NetcardError(
      `${this.#certificateFile} is not for ${this.address}: give the card its address, or move card.nvm away and a new card will be made.`,
    );
  }

  async #bringUp(): Promise<void> {
    if (this.#isClosed) return this.failed;
    this.#say("network: PPP between the card and the router");
    if (this.#inReader !== this.#contacts) await this.#inReader.stop(); // one chip at a time has the NVM
    this.#ras.start();
    this.#outlet?.open();
    this.#link.start();
    const deadline = performance.now() + LINK_UP_MS;
    while (!this.#ras.isUp) {
      if (performance.now() > deadline)
        throw new NetcardError("PPP did not come up: is the link too slow or the card mute?");
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), this.failed]);
    }
    if (this.#ras instanceof TunRas) this.#ras.route();
    this.#say(`network: up, the card is ${this.address}`);
  }
}

/** @param file path from the project's root */
function loadModule(file: string): WebAssembly.Module {
  const path = join(ROOT, file);
  try {
    return new WebAssembly.Module(readFileSync(path));
  } catch {
    throw new NetcardError(`${path} is missing or broken: run npm run build.`);
  }
}

function tunRas(link: Omit<RasOptions, "module">, { dns }: HostOptions, tun: Tun, card: string): TunRas {
  return new TunRas({ module: loadModule("build/ras.wasm"), ...link, tun, card, ...(dns && { dns }) });
}

/** @returns the contacts of a chip in this process */
function contactsOf(card: CardKind, nvm: Nvm): ChipContacts {
  const module = loadModule(CARDS[card].out);
  return new ChipContacts((onLinkByte) => new Chip({ module, nvm, onLinkByte }));
}

function commandsOf(options: HostOptions, reader: T0Reader): CardCommands {
  return new CardCommands((apdu) => reader.transmit(apdu), layoutOf(rsaKeyOf(options)));
}

/** @returns what the card's RSA key is for, undefined when it has a P-256 key */
function rsaKeyOf({ card = "iso7816" }: HostOptions): KeyUse | undefined {
  return CARDS[card].rsaKey;
}

function damaged(directory: string): NetcardError {
  return new NetcardError(
    `${join(directory, "card.nvm")} is damaged: put a copy back, or move it away and a new card will be made.`,
  );
}

/** Asks a copy of the card whether it still keeps what it was given. @throws NetcardError when it does not */
async function testCopy(cells: Uint8Array, options: HostOptions): Promise<void> {
  const kind = options.card && rsaKeyOf(options) ? options.card : "iso7816";
  const contacts = contactsOf(kind, new MemoryNvm(cells.slice()));
  const reader = new T0Reader({ line: new CharacterLine(contacts) });
  try {
    await reader.connect();
    const card = commandsOf(options, reader);
    await card.status(); // which tells a card of another kind
    if ((await card.selfTest()) > 0) throw damaged(options.directory);
  } finally {
    contacts.stop();
  }
}

/** @returns what a person is told who loses a card in operation */
function loss(trouble: Error): NetcardError {
  return trouble instanceof NetcardError
    ? trouble
    : new NetcardError(`The card was lost: ${trouble.message}`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}
