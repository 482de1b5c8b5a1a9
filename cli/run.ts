// netcard run: a card in a simulated reader, PPP in user space, a listener on loopback; or, as root, cards that are hosts of
// the kernel's network.
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CARDS, type CardKind } from "../host/cards.mjs";
import { NetcardError } from "../host/errors.ts";
import type { Errand } from "../host/issuer/errand.ts";
import { type HostOptions, NetcardHost, type PoweredContacts } from "../host/netcard-host.ts";
import { Tun } from "../host/ras/tun.ts";

/** The host's address on the TUN device; the cards have those that follow. */
const HOST_ADDRESS = "10.77.0.1";
const MAX_CARDS = 200;

const LEGACY_WARNING =
  "netcard: this card speaks TLS 1.0 with DES or AES, SHA-1 and RSA key exchange, as in 2004. That is obsolete and keeps no secrets: for study only.";

export interface RunOptions {
  port: number;
  card: CardKind;
  baud?: number;
  data?: string;
  pages?: string;
  fetch?: string;
  trust?: string;
  dns?: string;
  json?: boolean;
}

interface TunOptions extends RunOptions {
  tun?: boolean;
  cards?: number;
}

export function addRun(program: Command): void {
  addRunOptions(
    program
      .command("run")
      .description(
        "boot a card, by default in a simulated ISO 7816 reader, and let browsers reach it on loopback",
      ),
  )
    .addOption(
      new Option(
        "--tun",
        "as root on Linux: route to the card by a TUN device, https://<card address>/, instead of listening",
      ).conflicts("port"),
    )
    .option(
      "--dns <address>",
      "with --tun and --card client: the name server whom the card asks for the host of --fetch (default: it is this one)",
    )
    .option("--cards <n>", "with --tun: so many cards, each its address and memory", integer(1, MAX_CARDS))
    .action((options: TunOptions) => (options.tun ? runCards(options) : runOne(options)));
}

function runOne(options: TunOptions): Promise<void> {
  if (options.cards) throw new NetcardError("--cards needs --tun: a listener on loopback serves one card.");
  if (options.dns) throw new NetcardError("--dns needs --tun: without, the card reaches this machine only.");
  return runCard(options);
}

/** What every command that runs a card understands. */
export function addRunOptions(command: Command): Command {
  return command
    .option("--port <n>", "TCP port on 127.0.0.1", integer(0, 65535), 8443)
    .option(
      "--baud <n>",
      "emulate this link speed, bit/s, byte for byte (default: as fast as it goes)",
      integer(300, 10_000_000),
    )
    .addOption(
      new Option("--card <kind>", `the card: ${kinds()}`).choices(Object.keys(CARDS)).default("iso7816"),
    )
    .option(
      "--data <dir>",
      "folder of the card's NVM image and of the CA (default: .netcard, for cards with RSA keys .netcard-rsa and .netcard-legacy)",
    )
    .option("--pages <dir>", "folder whose files a new card is given (default: the demo page)")
    .option("--fetch <url>", "with --card client: the https page of this machine's that the card fetches")
    .option("--trust <pem>", "with --card client: the CAs that a new card trusts")
    .option("--json", "print one line of JSON instead of prose");
}

function kinds(): string {
  return Object.entries(CARDS)
    .map(([kind, { what }]) => `${kind}: ${what}`)
    .join("; ");
}

/** @param contacts the card's; default: of a chip in this process */
export async function runCard(options: RunOptions, contacts?: PoweredContacts): Promise<void> {
  const say = options.json ? () => undefined : (line: string) => console.log(line);
  const stop = untilSignal();
  const host = await NetcardHost.open({ ...hostOptions(options, say), ...(contacts && { contacts }) });
  try {
    const port = await host.listen(options.port);
    if (!(await Promise.race([host.start().then(() => true), stop]))) return;
    announce(host, `https://localhost:${port}/`, options);
    await Promise.race([stop, host.failed]);
  } finally {
    await host.close();
  }
}

/** Cards with addresses of their own, one after the other; all of them until the first is lost. */
async function runCards(options: TunOptions): Promise<void> {
  const say = options.json ? () => undefined : (line: string) => console.log(line);
  const stop = untilSignal();
  const common = hostOptions(options, say);
  const tun = await Tun.open(HOST_ADDRESS);
  const hosts: NetcardHost[] = [];
  try {
    for (let number = 1; number <= (options.cards ?? 1); number++) {
      const host = await NetcardHost.open({ ...common, ...placeOf(number, options), tun });
      hosts.push(host);
      if (!(await Promise.race([host.start().then(() => true), stop]))) return;
      announce(host, `https://${host.address}/`, options);
    }
    await Promise.race([stop, tun.failed, ...hosts.map(({ failed }) => failed)]);
  } finally {
    for (const host of hosts) await host.close();
    await tun.close();
  }
}

/** The first card is the one that would run without --tun; the others have folders in its folder. */
function placeOf(
  number: number,
  options: RunOptions,
): Pick<HostOptions, "directory" | "caDirectory" | "address"> {
  const data = folderOf(options);
  return {
    directory: number === 1 ? data : join(data, `card-${number}`),
    caDirectory: data,
    address: HOST_ADDRESS.replace(/\d+$/, String(1 + number)),
  };
}

function hostOptions(options: RunOptions, say: (line: string) => void): HostOptions {
  const { card, baud, pages } = options;
  if (card === "legacy") console.error(LEGACY_WARNING);
  if (baud && card === "serial")
    throw new NetcardError("--baud emulates a reader's line: use it without --card serial.");
  const errand = errandOf(options);
  const dns = nameServerOf(options);
  return {
    card,
    directory: folderOf(options),
    say,
    ...(baud && { baud }),
    ...(pages && { pages }),
    ...(errand && { errand }),
    ...(dns && { dns }),
  };
}

/** @throws NetcardError when it is no address, or nobody would ask it */
function nameServerOf({ card, dns }: RunOptions): string | undefined {
  if (!dns) return undefined;
  if (card !== "client") throw new NetcardError("--dns needs --card client: other cards ask for no names.");
  if (!isIPv4(dns)) throw new NetcardError(`--dns needs the IPv4 address of a name server, not ${dns}.`);
  return dns;
}

/** A client card has one, the others have none. */
function errandOf({ card, fetch: url, trust }: RunOptions): Errand | undefined {
  if (card !== "client" && (url ?? trust)) throw new NetcardError("--fetch and --trust need --card client.");
  if (card !== "client") return undefined;
  if (!url || !trust) throw new NetcardError("--card client needs --fetch <url> and --trust <pem>.");
  return { url, trust };
}

function announce(host: NetcardHost, url: string, { json }: RunOptions): void {
  const { caFile: ca, address: card, fingerprint } = host;
  console.log(
    json
      ? JSON.stringify({ url, ca, card, fingerprint })
      : `${url}  trust ${ca}: import it as an authority in the browser, or curl --cacert ${ca} ${url}`,
  );
}

/** @returns the folder of NVM image and CA: each card with an RSA key has its own, unless told otherwise */
export function folderOf({ card, data }: RunOptions): string {
  return data ?? (CARDS[card].rsaKey ? `.netcard-${card}` : ".netcard");
}

/** Resolves at the first SIGINT or SIGTERM, to false: no further. */
function untilSignal(): Promise<false> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(false));
  });
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
