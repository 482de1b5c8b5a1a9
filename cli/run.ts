// netcard run: a card in a simulated reader, PPP in user space, a listener on loopback.
import { type Command, InvalidArgumentError, Option } from "commander";
import { NetcardError } from "../host/errors.ts";
import type { Errand } from "../host/issuer/errand.ts";
import { CARDS, type HostOptions, NetcardHost, type PoweredContacts } from "../host/netcard-host.ts";

const LEGACY_WARNING =
  "netcard: this card speaks TLS 1.0 with DES or AES, SHA-1 and RSA key exchange, as in 2004. That is obsolete and keeps no secrets: for study only.";

export interface RunOptions {
  port: number;
  card: NonNullable<HostOptions["card"]>;
  baud?: number;
  data?: string;
  pages?: string;
  fetch?: string;
  trust?: string;
  json?: boolean;
}

export function addRun(program: Command): void {
  addRunOptions(
    program
      .command("run")
      .description(
        "boot a card, by default in a simulated ISO 7816 reader, and let browsers reach it on loopback",
      ),
  ).action((options: RunOptions) => runCard(options));
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
      new Option(
        "--card <kind>",
        "the card: in an ISO 7816 reader, on a full-duplex serial line, or for study, in a reader with the TLS 1.0 of 2004; client: one that fetches a page itself",
      )
        .choices(CARDS)
        .default("iso7816"),
    )
    .option(
      "--data <dir>",
      "folder of the card's NVM image and of the CA (default: .netcard, for the legacy card .netcard-legacy)",
    )
    .option("--pages <dir>", "folder whose files a new card is given (default: the demo page)")
    .option("--fetch <url>", "with --card client: the https page of this machine's that the card fetches")
    .option("--trust <pem>", "with --card client: the CAs that a new card trusts")
    .option("--json", "print one line of JSON instead of prose");
}

/** @param contacts the card's; default: of a chip in this process */
export async function runCard(options: RunOptions, contacts?: PoweredContacts): Promise<void> {
  const say = options.json ? () => undefined : (line: string) => console.log(line);
  const stop = untilSignal();
  const { card, baud, pages } = options;
  const directory = folderOf(options);
  if (card === "legacy") console.error(LEGACY_WARNING);
  if (baud && card === "serial")
    throw new NetcardError("--baud emulates a reader's line: use it without --card serial.");
  const errand = errandOf(options);
  const host = await NetcardHost.open({
    card,
    directory,
    say,
    ...(baud && { baud }),
    ...(pages && { pages }),
    ...(errand && { errand }),
    ...(contacts && { contacts }),
  });
  try {
    const port = await host.listen(options.port);
    if (!(await Promise.race([host.start().then(() => true), stop]))) return;
    const url = `https://localhost:${port}/`;
    if (options.json)
      console.log(
        JSON.stringify({ url, ca: host.caFile, card: host.address, fingerprint: host.fingerprint }),
      );
    else {
      say(
        `${url}  trust ${host.caFile}: import it as an authority in the browser, or curl --cacert ${host.caFile} ${url}`,
      );
    }
    await Promise.race([stop, host.failed]);
  } finally {
    await host.close();
  }
}

/** A client card has one, the others have none. */
function errandOf({ card, fetch: url, trust }: RunOptions): Errand | undefined {
  if (card !== "client" && (url ?? trust)) throw new NetcardError("--fetch and --trust need --card client.");
  if (card !== "client") return undefined;
  if (!url || !trust) throw new NetcardError("--card client needs --fetch <url> and --trust <pem>.");
  return { url, trust };
}

/** @returns the folder of NVM image and CA: each kind of card has its own, unless told otherwise */
export function folderOf({ card, data }: RunOptions): string {
  return data ?? (card === "legacy" ? ".netcard-legacy" : ".netcard");
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
