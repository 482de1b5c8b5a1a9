// The Password Authentication Protocol, RFC 1334 section 2: name and secret, readable by anybody on the line.
//
//   Authenticate-Request   name length │ name │ secret length │ secret
import { Pbuf } from "../../buffer/pbuf.ts";
import { Credentials } from "./auth.ts";
import * as packet from "./packet.ts";

export const REQUEST: u32 = 1;
export const ACK: u32 = 2;

/** @returns an Authenticate-Request, null when the pool is empty */
export function request(who: Credentials): Pbuf | null {
  const frame = packet.create(packet.PAP, REQUEST, who.id);
  if (!frame) return null;
  packet.add8(frame, who.nameLen);
  packet.addBytes(frame, usize(who.name), who.nameLen);
  packet.add8(frame, who.secretLen);
  packet.addBytes(frame, usize(who.secret), who.secretLen);
  return frame;
}
