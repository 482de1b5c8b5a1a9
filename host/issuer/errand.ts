// What a client card is given beside its pages: whom to fetch from, whom to trust, and what time it is at least
// (firmware/tls/client/target.ts, path.ts, known-time.ts).
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { NetcardError } from "../errors.ts";
import type { CardFile } from "./commands.ts";
import { targetFile } from "./target.ts";

export interface Errand {
  /** https URL of the page; its host is the name that the server's certificate must have. */
  url: string;
  /** PEM file with the certificates of the CAs that the card is to trust. */
  trust: string;
}

const HTTPS = 443;

/** @returns the port of the errand's server @throws NetcardError when the URL is none that the card can fetch */
export function portOf({ url }: Errand): number {
  const { protocol, port } = parse(url);
  if (protocol !== "https:") throw new NetcardError(`The card fetches by https only, not ${url}.`);
  return Number(port) || HTTPS;
}

/**
 * @param address dotted IPv4 by which the card reaches the server, or ASK
 * @throws NetcardError when the URL or the PEM file is none that the card can use
 */
export function errandFiles(errand: Errand, address: string): CardFile[] {
  const { hostname, pathname, search } = parse(errand.url);
  const target = targetFile({ address, port: portOf(errand), host: hostname, path: pathname + search });
  return [
    { name: "/.server", type: "", content: target },
    { name: "/.anchors", type: "", content: anchorsFile(errand.trust) },
    {
      name: "/.time",
      type: "",
      content: Buffer.from(new Date().toISOString().replace(/\D/g, "").slice(0, 14)),
    },
  ];
}

function parse(url: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new NetcardError(`${url} is no URL: write https://host:port/path.`);
}

function anchorsFile(path: string): Buffer {
  try {
    const blocks = readFileSync(path, "utf8").match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
    )!;
    return Buffer.concat(
      blocks.flatMap((block) => {
        const { raw } = new X509Certificate(block);
        return [Buffer.of(raw.length >> 16, (raw.length >> 8) & 255, raw.length & 255), raw];
      }),
    );
  } catch {
    throw new NetcardError(`${path} has no certificates to trust: give a PEM file.`);
  }
}
