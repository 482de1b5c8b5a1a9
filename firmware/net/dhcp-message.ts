// DHCP messages, RFC 2131 section 2 and RFC 2132: BOOTP's fixed fields, then options. What the server has no room for
// among the options may stand in `file` and `sname` (option 52).
//
//   0    1       2      3      4     8      10      12       16       20       24       28       44      108    236
//   ┌────┬───────┬──────┬──────┬─────┬──────┬───────┬────────┬────────┬────────┬────────┬────────┬───────┬──────┬────────┬─ ─
//   │ op │ htype │ hlen │ hops │ xid │ secs │ flags │ ciaddr │ yiaddr │ siaddr │ giaddr │ chaddr │ sname │ file │ cookie │ options
//   └────┴───────┴──────┴──────┴─────┴──────┴───────┴────────┴────────┴────────┴────────┴────────┴───────┴──────┴────────┴─ ─
import { get32, get8 } from "../buffer/packet-reader.ts";
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import * as udp from "./udp.ts";

// Types of messages, section 3.1.
export const DISCOVER: u32 = 1;
export const OFFER: u32 = 2;
export const REQUEST: u32 = 3;
export const DECLINE: u32 = 4;
export const ACK: u32 = 5;
export const NAK: u32 = 6;
export const RELEASE: u32 = 7;
export const INFORM: u32 = 8;

// Options.
export const SUBNET_MASK: u32 = 1;
export const ROUTER: u32 = 3;
export const DNS_SERVER: u32 = 6;
export const REQUESTED_ADDRESS: u32 = 50;
export const LEASE_TIME: u32 = 51;
export const MESSAGE_TYPE: u32 = 53;
export const SERVER_ID: u32 = 54;
export const RENEWAL_TIME: u32 = 58;
export const REBINDING_TIME: u32 = 59;
const PAD: u32 = 0;
const OVERLOAD: u32 = 52;
const PARAMETER_LIST: u32 = 55;
const MAX_SIZE: u32 = 57;
const CLIENT_ID: u32 = 61;
const END: u32 = 255;

const BOOTREQUEST: u32 = 1;
const BOOTREPLY: u32 = 2;
const HTYPE_ETHERNET: u32 = 1;
/** The server shall broadcast, because we have no address yet at which to receive. */
const BROADCAST_FLAG: u32 = 0x8000;
const COOKIE: u32 = 0x63825363;

const HLEN_AT: u32 = 2;
const XID_AT: u32 = 4;
const YIADDR_AT: u32 = 16;
const CHADDR_AT: u32 = 28;
const SNAME_AT: u32 = 44;
const FILE_AT: u32 = 108;
const COOKIE_AT: u32 = 236;
const OPTIONS_AT: u32 = 240;
export const HARDWARE_LEN: u32 = 6;
/** What BOOTP's relays expect at least (RFC 1542 section 2.1), and what we take at most. */
const LEAST_LEN: u32 = 300;
const MOST_LEN: u32 = 576;

/**
 * The beginning of a message: fixed fields, cookie and type; option*() and close() are to follow.
 * @param type DISCOVER … INFORM @param secs since the exchange began @param ciaddr our address, host order, 0: none
 * @param hardware address of our 6 bytes of hardware address
 * @returns the message; null when the pool is too empty
 */
export function open(type: u32, xid: u32, secs: u32, ciaddr: u32, hardware: usize): Pbuf | null {
  const message = pbuf.take(udp.HEADROOM);
  if (!message) return null;
  const flags = ciaddr ? 0 : BROADCAST_FLAG;
  let ok = pbuf.append32(message, (BOOTREQUEST << 24) | (HTYPE_ETHERNET << 16) | (HARDWARE_LEN << 8));
  ok = ok && pbuf.append32(message, xid) && pbuf.append32(message, (secs << 16) | flags);
  ok = ok && pbuf.append32(message, ciaddr);
  ok = ok && padTo(message, CHADDR_AT) && appendHardware(message, hardware);
  ok =
    ok && padTo(message, COOKIE_AT) && pbuf.append32(message, COOKIE) && option8(message, MESSAGE_TYPE, type);
  if (ok) return message;
  pbuf.give(message);
  return null;
}

/** Who we are: the hardware address, as servers take it from chaddr too. @returns false when the pool is empty */
export function optionClientId(message: Pbuf, hardware: usize): bool {
  const head = (CLIENT_ID << 16) | ((HARDWARE_LEN + 1) << 8) | HTYPE_ETHERNET;
  return (
    pbuf.append8(message, head >> 16) && pbuf.append16(message, head) && appendHardware(message, hardware)
  );
}

/** Appends an option of four bytes. @returns false when the pool is empty */
export function option32(message: Pbuf, code: u32, value: u32): bool {
  return pbuf.append16(message, (code << 8) | 4) && pbuf.append32(message, value);
}

/** What we want to know, and how much we take. @returns false when the pool is empty */
export function optionWishes(message: Pbuf): bool {
  if (!pbuf.append16(message, (MAX_SIZE << 8) | 2) || !pbuf.append16(message, MOST_LEN)) return false;
  if (!pbuf.append16(message, (PARAMETER_LIST << 8) | 6)) return false;
  if (!pbuf.append16(message, (SUBNET_MASK << 8) | ROUTER) || !pbuf.append8(message, DNS_SERVER))
    return false;
  return pbuf.append8(message, LEASE_TIME) && pbuf.append16(message, (RENEWAL_TIME << 8) | REBINDING_TIME);
}

/** Ends the options. @returns false when the pool is empty */
export function close(message: Pbuf): bool {
  return pbuf.append8(message, END) && padTo(message, LEAST_LEN);
}

/** @returns whether a message is a server's answer to us, payload at `op` */
export function isReply(message: Pbuf, xid: u32, hardware: usize): bool {
  if (message.totalLength < OPTIONS_AT || get8(message, 0) != BOOTREPLY) return false;
  if (get32(message, XID_AT) != xid || get32(message, COOKIE_AT) != COOKIE) return false;
  if (get8(message, HLEN_AT) != HARDWARE_LEN) return false;
  for (let i: u32 = 0; i < HARDWARE_LEN; i++)
    if (get8(message, CHADDR_AT + i) != u32(load<u8>(hardware + i))) return false;
  return true;
}

/** @returns the address that a server offers, host order */
export function yourAddress(message: Pbuf): u32 {
  return get32(message, YIADDR_AT);
}

/** @returns DISCOVER … INFORM, 0 when the message does not say */
export function typeOf(message: Pbuf): u32 {
  const at = findIn(message, OPTIONS_AT, message.totalLength, MESSAGE_TYPE);
  return at && get8(message, at) == 1 ? get8(message, at + 1) : 0;
}

/** @returns the first four bytes of an option, 0 when it isn't there */
export function valueOf(message: Pbuf, code: u32): u32 {
  const at = find(message, code);
  return at && get8(message, at) >= 4 ? get32(message, at + 1) : 0;
}

/** @returns offset of an option's length, 0 when it isn't there */
function find(message: Pbuf, code: u32): u32 {
  let at = findIn(message, OPTIONS_AT, message.totalLength, code);
  if (at) return at;
  const overload = findIn(message, OPTIONS_AT, message.totalLength, OVERLOAD);
  const fields = overload && get8(message, overload) == 1 ? get8(message, overload + 1) : 0;
  if (fields & 1) at = findIn(message, FILE_AT, COOKIE_AT, code);
  if (!at && fields & 2) at = findIn(message, SNAME_AT, FILE_AT, code);
  return at;
}

/** @returns offset of an option's length between `from` and `end`, 0 when it isn't there, whole */
function findIn(message: Pbuf, from: u32, end: u32, code: u32): u32 {
  let at = from;
  while (at + 1 < end) {
    const found = get8(message, at);
    if (found == END) return 0;
    if (found == PAD) at++;
    else {
      const next = at + 2 + get8(message, at + 1);
      if (next > end) return 0;
      if (found == code) return at + 1;
      at = next;
    }
  }
  return 0;
}

function option8(message: Pbuf, code: u32, value: u32): bool {
  return pbuf.append16(message, (code << 8) | 1) && pbuf.append8(message, value);
}

function appendHardware(message: Pbuf, hardware: usize): bool {
  for (let i: u32 = 0; i < HARDWARE_LEN; i++)
    if (!pbuf.append8(message, load<u8>(hardware + i))) return false;
  return true;
}

/** Appends zeros until the message is `length` bytes long. */
function padTo(message: Pbuf, length: u32): bool {
  while (message.totalLength < length) if (!pbuf.append8(message, 0)) return false;
  return true;
}
