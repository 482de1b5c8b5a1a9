// Whom a client card connects to: the file that firmware/tls/client/target.ts reads.
import { isIPv4 } from "node:net";
import { NetcardError } from "../errors.ts";

export interface Target {
  /** Dotted IPv4 of the server, as the card reaches it, or ASK. */
  address: string;
  port: number;
  /** The name that its certificate must have; empty: the address. */
  host: string;
  path: string;
}

/** In place of an address: the card asks a name server for that of the name. */
export const ASK = "0.0.0.0";

const NAME_MAX = 64;
const PATH_MAX = 100;

/**
 * @returns address ‖ port ‖ length ‖ name ‖ length ‖ path
 * @throws NetcardError when the card has no room for it, or it is no server
 */
export function targetFile({ address, port, host, path }: Target): Buffer {
  if (!isIPv4(address)) throw new NetcardError(`${address} is no IPv4 address.`);
  if (address === ASK && (host === "" || isIPv4(host)))
    throw new NetcardError(`A name server knows names only, not ${host || "no name"}.`);
  const name = Buffer.from(host.toLowerCase().replace(/\.$/, ""));
  if (name.length > NAME_MAX)
    throw new NetcardError(`The card has room for names of ${NAME_MAX} bytes: ${host}`);
  const asked = Buffer.from(path);
  if (!/^\/[!-~]*$/.test(path) || asked.length > PATH_MAX)
    throw new NetcardError(
      `The path must begin with / and have at most ${PATH_MAX} visible ASCII characters.`,
    );
  const front = Buffer.from([...address.split(".").map(Number), port >> 8, port & 255, name.length]);
  return Buffer.concat([front, name, Buffer.of(asked.length), asked]);
}
