// Who we are, when the peer demands to know before IPCP may open (RFC 1661 section 3.5): by PAP, which sends the secret,
// or CHAP, which proves that we know it. We never ask who the peer is. What is sent is repeated until the peer says yes;
// one that says no will terminate the link.
import { Pbuf } from "../../buffer/pbuf.ts";
import * as pbuf from "../../buffer/pbuf.ts";
import { FOREVER, Millis, until } from "../../chip/clock.ts";
import { AUTH, AUTH_BYTES } from "../../chip/ram-map.ts";
import * as chap from "./chap.ts";
import * as control from "./control.ts";
import { MD5_BYTES } from "./md5.ts";
import * as packet from "./packet.ts";
import { CODE_AT, DATA_AT, ID_AT, LENGTH_AT, PROTOCOL_LEN } from "./packet.ts";
import * as pap from "./pap.ts";

const REPEAT_MS: Millis = 3000;
/** Name and secret have at most so many bytes each: both fit a packet of one pbuf. */
const MAX_LEN: u32 = 48;

@final
@unmanaged
export class Credentials {
  deadlineMs: u32;
  /** Addresses of name and secret, which stay where they are. */
  name: u32;
  secret: u32;
  /** PAP or CHAP while the peer has not said yes, 0: nothing to do. */
  protocol: u16;
  nameLen: u8;
  secretLen: u8;
  /** Identifier of our request, or of the challenge that we answer. */
  id: u8;
  /** 1: there is something to repeat. */
  begun: u8;
}

const DIGEST: usize = (AUTH + offsetof<Credentials>() + 3) & ~3;

export function powerOn(): void {
  if (DIGEST + MD5_BYTES > AUTH + AUTH_BYTES) ERROR("the state of authentication does not fit AUTH_BYTES");
}

/** Who we are. @param name,secret addresses; what is longer than 48 bytes is cut */
export function setCredentials(name: usize, nameLen: u32, secret: usize, secretLen: u32): void {
  const s = state();
  s.name = u32(name);
  s.nameLen = u8(min(nameLen, MAX_LEN));
  s.secret = u32(secret);
  s.secretLen = u8(min(secretLen, MAX_LEN));
}

/** LCP is Opened, and the peer demands PAP or CHAP. */
export function start(protocol: u32, now: Millis): void {
  const s = state();
  s.protocol = u16(protocol);
  s.begun = u8(protocol == packet.PAP); // CHAP begins with the peer's challenge
  s.id++;
  s.deadlineMs = now;
}

export function stop(): void {
  state().protocol = 0;
}

/**
 * A packet of PAP or CHAP, payload at the protocol field; takes ownership.
 * @returns true when the peer has just said yes
 */
export function input(protocol: u32, frame: Pbuf, now: Millis): bool {
  const s = state();
  const length: u32 = frame.totalLength < DATA_AT ? 0 : packet.get16(frame, LENGTH_AT);
  const good = length >= DATA_AT - PROTOCOL_LEN && length + PROTOCOL_LEN <= frame.totalLength;
  let accepted = false;
  if (good && protocol == packet.CHAP && packet.get8(frame, CODE_AT) == chap.CHALLENGE) {
    // It may come again while the link is open (RFC 1994 section 2).
    pbuf.trimTail(frame, length + PROTOCOL_LEN);
    if (chap.digest(frame, s, DIGEST)) {
      s.id = u8(packet.get8(frame, ID_AT));
      s.begun = 1;
      s.deadlineMs = now + REPEAT_MS;
      control.queueIfAny(chap.response(s, DIGEST), chap.RESPONSE);
    }
  } else if (good && protocol == u32(s.protocol)) {
    const yes = protocol == packet.PAP ? pap.ACK : chap.SUCCESS;
    accepted = s.begun != 0 && packet.get8(frame, ID_AT) == s.id && packet.get8(frame, CODE_AT) == yes;
    if (accepted) s.protocol = 0;
  }
  pbuf.give(frame);
  return accepted;
}

/** Repeats what has not been answered. @returns ms until it wants to be called again */
export function poll(now: Millis): Millis {
  const s = state();
  if (!s.protocol || !s.begun) return FOREVER;
  const wait = until(s.deadlineMs, now);
  if (wait) return wait;
  s.deadlineMs = now + REPEAT_MS;
  if (s.protocol == packet.PAP) control.queueIfAny(pap.request(s), pap.REQUEST);
  else control.queueIfAny(chap.response(s, DIGEST), chap.RESPONSE);
  return REPEAT_MS;
}

function state(): Credentials {
  return changetype<Credentials>(AUTH);
}
