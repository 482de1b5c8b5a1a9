// The Challenge Handshake Authentication Protocol with MD5, RFC 1994: the digest of identifier, secret and challenge.
//
//   Challenge, Response   value length │ value │ name
import { Pbuf } from "../../buffer/pbuf.ts";
import { Credentials } from "./auth.ts";
import * as md5 from "./md5.ts";
import * as packet from "./packet.ts";
import { DATA_AT, ID_AT } from "./packet.ts";

export const CHALLENGE: u32 = 1;
export const RESPONSE: u32 = 2;
export const SUCCESS: u32 = 3;

/** Works out the answer to a challenge. @param digest where it goes, MD5_BYTES @returns false for a bad challenge */
export function digest(challenge: Pbuf, who: Credentials, digest: usize): bool {
  const end = challenge.totalLength;
  const valueLen: u32 = end > DATA_AT ? packet.get8(challenge, DATA_AT) : 0;
  if (valueLen == 0 || DATA_AT + 1 + valueLen > end) return false;
  md5.begin(digest);
  md5.add(digest, packet.get8(challenge, ID_AT));
  for (let i: u32 = 0; i < u32(who.secretLen); i++) md5.add(digest, load<u8>(usize(who.secret) + i));
  for (let i: u32 = 0; i < valueLen; i++) md5.add(digest, packet.get8(challenge, DATA_AT + 1 + i));
  md5.end(digest);
  return true;
}

/** @returns a Response, null when the pool is empty */
export function response(who: Credentials, digest: usize): Pbuf | null {
  const frame = packet.create(packet.CHAP, RESPONSE, who.id);
  if (!frame) return null;
  packet.add8(frame, md5.DIGEST_LEN);
  packet.addBytes(frame, digest, md5.DIGEST_LEN);
  packet.addBytes(frame, usize(who.name), who.nameLen);
  return frame;
}
