// The options of the Link Control Protocol, RFC 1661 section 6 and RFC 1662 section 7: what we ask for, what we grant.
import * as pins from "../../chip/pins.ts";
import { PPP } from "../../chip/ram-map.ts";
import { Pbuf } from "../../buffer/pbuf.ts";
import * as ahdlc from "../ahdlc.ts";
import { Fsm } from "./fsm.ts";
import * as packet from "./packet.ts";
import { ACK, NAK, REJECT } from "./packet.ts";

const MRU: u32 = 1;
const ACCM: u32 = 2;
const AUTHENTICATION: u32 = 3;
const MAGIC: u32 = 5;
const PFC: u32 = 7;
const ACFC: u32 = 8;

/** The algorithm of CHAP that we know, MD5 (RFC 1994 section 3). */
const MD5: u32 = 5;

const DEFAULT_MRU: u32 = 1500;
/** Less from a peer than an IP host must bear is refused (RFC 791: 68 bytes, and we send TCP headers with options). */
const LEAST_MRU: u32 = 128;

const WANTED: u32 = (1 << MRU) | (1 << ACCM) | (1 << MAGIC) | (1 << PFC) | (1 << ACFC);

@final
@unmanaged
class LcpState {
  /** Ours, to tell a looped-back line (section 6.4). */
  magic: u32;
  /** Control characters that we ask the peer to escape. */
  accm: u32;
  peerAccm: u32;
  mru: u16;
  peerMru: u16;
  /** ahdlc.ACFC | ahdlc.PFC, as the peer allows us. */
  peerCompression: u8;
  /** PAP or CHAP, as the peer demands of us, 0: nothing. */
  authentication: u16;
}

const STATE: usize = PPP + offsetof<Fsm>();
export const LCP_END: usize = STATE + offsetof<LcpState>();

export function fsm(): Fsm {
  return changetype<Fsm>(PPP);
}

/** All our wishes anew, for a peer that may be another one. */
export function start(): void {
  const s = state();
  fsm().wanted = u16(WANTED);
  fsm().failures = 0;
  s.magic = pins.random32() | 1;
  s.accm = 0;
  s.mru = u16(LINK_MRU);
  forget();
}

/** The peer's options to their defaults, before a request of the peer's is adopted. */
export function forget(): void {
  const s = state();
  s.peerAccm = ahdlc.DEFAULT_ACCM;
  s.peerMru = u16(DEFAULT_MRU);
  s.peerCompression = 0;
  s.authentication = 0;
}

/** Appends our options to a Configure-Request. */
export function addOptions(frame: Pbuf): void {
  const s = state();
  if (wants(MRU) && s.mru != DEFAULT_MRU) packet.addOption(frame, MRU, s.mru, 2);
  if (wants(ACCM)) packet.addOption(frame, ACCM, s.accm, 4);
  if (wants(MAGIC)) packet.addOption(frame, MAGIC, s.magic, 4);
  if (wants(PFC)) packet.addOption(frame, PFC, 0, 0);
  if (wants(ACFC)) packet.addOption(frame, ACFC, 0, 0);
}

/** @returns ACK, NAK or REJECT for the peer's option at `at`; link quality is not for us */
export function judge(frame: Pbuf, at: u32): u32 {
  const type = packet.get8(frame, at);
  if (PPP_AUTH && type == AUTHENTICATION) return judgeAuthentication(frame, at);
  if (packet.get8(frame, at + 1) != lengthOf(type)) return REJECT;
  if (type == MRU && packet.get16(frame, at + 2) < LEAST_MRU) return NAK;
  if (type == MAGIC && (isOursAt(frame, at) || !packet.get32(frame, at + 2))) return NAK;
  return ACK;
}

/** PAP and CHAP with MD5 will do, CHAP with another algorithm might with MD5. */
function judgeAuthentication(frame: Pbuf, at: u32): u32 {
  const length = packet.get8(frame, at + 1);
  if (length < 4) return REJECT;
  const protocol = packet.get16(frame, at + 2);
  if (protocol == packet.PAP && length == 4) return ACK;
  if (protocol != packet.CHAP || length != 5) return REJECT;
  return packet.get8(frame, at + 4) == MD5 ? ACK : NAK;
}

/** @returns true for an option that carries our own Magic-Number: nobody else is on the line */
export function isOursAt(frame: Pbuf, at: u32): bool {
  return (
    packet.get8(frame, at) == MAGIC && packet.get8(frame, at + 1) == 6 && isOurs(packet.get32(frame, at + 2))
  );
}

/** Writes what we would have granted into a refused option. */
export function suggest(frame: Pbuf, at: u32): void {
  const type = packet.get8(frame, at);
  if (type == MRU) packet.put16(frame, at + 2, LEAST_MRU);
  else if (PPP_AUTH && type == AUTHENTICATION) packet.put8(frame, at + 4, MD5);
  else packet.put32(frame, at + 2, pins.random32() | 1);
}

/** Takes over an option that we acknowledge. */
export function adopt(frame: Pbuf, at: u32): void {
  const s = state();
  switch (packet.get8(frame, at)) {
    case MRU:
      s.peerMru = u16(packet.get16(frame, at + 2));
      break;
    case ACCM:
      s.peerAccm = packet.get32(frame, at + 2);
      break;
    case AUTHENTICATION:
      s.authentication = u16(packet.get16(frame, at + 2));
      break;
    case PFC:
      s.peerCompression |= u8(ahdlc.PFC);
      break;
    case ACFC:
      s.peerCompression |= u8(ahdlc.ACFC);
      break;
  }
}

/** The peer suggests another value for an option of ours. We receive no longer packets than we have room for. */
export function reconsider(frame: Pbuf, at: u32): void {
  const s = state();
  const type = packet.get8(frame, at);
  if (packet.get8(frame, at + 1) != lengthOf(type)) return;
  if (type == MRU) s.mru = u16(min(u32(LINK_MRU), max(LEAST_MRU, packet.get16(frame, at + 2))));
  if (type == ACCM) s.accm |= packet.get32(frame, at + 2);
  if (type == MAGIC) s.magic = pins.random32() | 1;
}

/** We are asking for our character map: the peer may use it as soon as it has acknowledged, before we know. */
export function prepare(): void {
  ahdlc.setReceiveAccm(wants(ACCM) ? state().accm : ahdlc.DEFAULT_ACCM);
}

/** Opened: we send as agreed. */
export function apply(): void {
  const s = state();
  ahdlc.setSendOptions(s.peerAccm, s.peerCompression);
}

/** No longer Opened: we send as anybody would understand it. */
export function revert(): void {
  ahdlc.setSendOptions(ahdlc.DEFAULT_ACCM, 0);
}

/** @returns our Magic-Number as agreed, 0: not agreed */
export function magic(): u32 {
  return wants(MAGIC) ? state().magic : 0;
}

/** @returns true for our own Magic-Number: the line is looped back */
export function isOurs(magicNumber: u32): bool {
  return magicNumber != 0 && magicNumber == magic();
}

/** @returns PAP or CHAP, as the peer demands of us, 0: nothing */
export function authentication(): u32 {
  return state().authentication;
}

/** @returns the longest information field that the peer takes, bytes */
export function peerMru(): u32 {
  return state().peerMru;
}

function wants(type: u32): bool {
  return ((u32(fsm().wanted) >> type) & 1) != 0;
}

/** @returns the length that an option must have, 0 for those that we don't know */
function lengthOf(type: u32): u32 {
  switch (type) {
    case MRU:
      return 4;
    case ACCM:
    case MAGIC:
      return 6;
    case PFC:
    case ACFC:
      return 2;
    default:
      return 0;
  }
}

function state(): LcpState {
  return changetype<LcpState>(STATE);
}
