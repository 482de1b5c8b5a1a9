// Personalisation from end to end: a blank card becomes this user's, closed for good. Whatever cut an earlier attempt short,
// it starts over: the key that the card has made is kept, files are written anew.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { NetcardError } from "../errors.ts";
import type { LocalCa } from "./ca.ts";
import type { KeyUse } from "./certificate.ts";
import { CardCommands, type CardFile, LAYOUT, LEGACY_LAYOUT, RSA_LAYOUT, type Transmit } from "./commands.ts";

/** The chain that TLS sends, as certificate_list entries of RFC 5246 section 7.4.2; the web server does not serve it. */
const CERTIFICATE_FILE = "/.certificate";

/** Of a card's RSA key. */
const RSA_BITS = 2048;

export interface Progress {
  /** What is being done, such as "writing /index.html". */
  what: string;
  /** File bytes written so far, and in all. */
  done: number;
  total: number;
}

export interface PersonaliseOptions {
  transmit: Transmit;
  ca: Pick<LocalCa, "issue">;
  /** IPv4 addresses of the card, for its certificate. */
  addresses: string[];
  files: CardFile[];
  /** The card is given an RSA key, for this; default: it makes its own P-256 key. */
  rsaKey?: KeyUse | undefined;
  /** Takes the certificate, DER, before the card is closed for good: whoever needs it keeps it now. */
  onCertificate?: (certificate: Uint8Array) => void;
  onProgress?: (progress: Progress) => void;
}

/**
 * Personalises a card.
 * @throws NetcardError when the card is operational already, has too little memory, or refuses
 */
export async function personalise(options: PersonaliseOptions): Promise<void> {
  const card = new CardCommands(options.transmit, layoutOf(options.rsaKey));
  const total = options.files.reduce((sum, { content }) => sum + content.length, 0);
  let done = 0;
  const say = (what: string) => options.onProgress?.({ what, done, total });

  const { lifeCycle, hasKey } = await card.status();
  if (lifeCycle === "operational")
    throw new NetcardError("This card has been personalised and closed: use a new card.");
  if (options.rsaKey) say("making an RSA key, which the card alone keeps");
  else say(hasKey ? "reading the public key" : "generating the key on the card");
  const publicKey = options.rsaKey ? await putRsaKey(card) : await keyOf(card, hasKey);
  say("issuing the certificate");
  const certificate = await options.ca.issue(publicKey, options.addresses, options.rsaKey);

  await card.deleteAllFiles();
  await card.putFile({ name: CERTIFICATE_FILE, type: "", content: certificateEntry(certificate) });
  await checkRoom(card, total);
  for (const file of options.files) {
    say(`writing ${file.name}`);
    await card.putFile(file, (bytes) => {
      done += bytes;
      say(`writing ${file.name}`);
    });
  }

  say("testing what the card keeps");
  if ((await card.selfTest()) > 0) throw new NetcardError("The card's memory is damaged: use a new card.");
  options.onCertificate?.(certificate);
  say("closing the card for good");
  await card.activateCard();
}

/** @returns the layout of NVM of a card with such a key */
export function layoutOf(rsaKey?: KeyUse): number {
  if (!rsaKey) return LAYOUT;
  return rsaKey === "decrypt" ? LEGACY_LAYOUT : RSA_LAYOUT;
}

function keyOf(card: CardCommands, hasKey: boolean): Promise<Uint8Array> {
  return hasKey ? card.readPublicKey() : card.generateKeyPair();
}

/** Making an RSA key would take a card very long. It is forgotten here as soon as the card has it. @returns the public half */
async function putRsaKey(card: CardCommands): Promise<KeyObject> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: RSA_BITS });
  await card.putRsaKey(privateKey);
  return publicKey;
}

async function checkRoom(card: CardCommands, total: number): Promise<void> {
  const { freeBytes } = await card.status();
  if (total > freeBytes)
    throw new NetcardError(
      `The files have ${total} bytes and the card has room for ${freeBytes}: leave some out.`,
    );
}

/** u24 length ‖ DER. */
function certificateEntry(certificate: Uint8Array): Buffer {
  const length = Buffer.alloc(3);
  length.writeUIntBE(certificate.length, 0, 3);
  return Buffer.concat([length, certificate]);
}
