// The DHCP client, RFC 2131 section 4.4 and figure 5. It knows nothing of the link: UDP datagrams from port 68 to port 67,
// broadcast until there is a server to talk to.
//
//   start ─> INIT ──DISCOVER─> SELECTING ──OFFER/REQUEST─> REQUESTING ──ACK─> BOUND ──T1/REQUEST─> RENEWING
//             ^                                               │ NAK             ^                     │ T2/REQUEST
//             ├───────────────────────────────────────────────┘                 └───────ACK─────── REBINDING
//             └──────────────────────────── the lease has expired, NAK, DECLINE ───────────────────────┘
//
//   inform ─> INFORMING ──ACK─> INFORMED         for a host that has an address, to learn the rest (section 3.4)
//
// A message that never left, for want of buffers, is like one that was lost: it is repeated.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { FOREVER, Millis, isBefore, until } from "../chip/clock.ts";
import { DHCP_STATE_BYTES, DHCP_STATE } from "../chip/ram-map.ts";
import * as dhcp from "./dhcp-message.ts";
import { ACK, DECLINE, DISCOVER, INFORM, NAK, OFFER, RELEASE, REQUEST } from "./dhcp-message.ts";
import * as dns from "./dns.ts";
import * as ip from "./ip.ts";
import * as udp from "./udp.ts";
import { count } from "./wire.ts";

const CLIENT_PORT: u32 = 68;
const SERVER_PORT: u32 = 67;

export const IDLE: u8 = 0;
export const INIT: u8 = 1;
export const SELECTING: u8 = 2;
export const REQUESTING: u8 = 3;
export const BOUND: u8 = 4;
export const RENEWING: u8 = 5;
export const REBINDING: u8 = 6;
export const INFORMING: u8 = 7;
export const INFORMED: u8 = 8;

/** The first retransmission, doubled each time up to the longest, each a second more or less by chance (section 4.1). */
const FIRST_WAIT_MS: Millis = 4_000;
const DOUBLINGS: u8 = 4;
const JITTER_MS: Millis = 1_000;
/** REQUESTs to a server that has made an offer, INFORMs: then it starts anew, or gives up. */
const ATTEMPTS: u8 = 4;
/** Least time between REQUESTs that extend a lease (section 4.4.5). */
const RENEW_WAIT_MS: Millis = 60_000;
/** After a NAK, lest a server that sends nothing else keeps us busy; after a DECLINE (section 3.1). */
const NAK_PAUSE_MS: Millis = 1_000;
const DECLINE_PAUSE_MS: Millis = 10_000;
/** A lease that never ends; and the longest that is counted, s: longer ones are renewed earlier than they need be. */
const INFINITE: u32 = 0xffffffff;
const LEASE_MAX: u32 = 2_000_000;

@final
@unmanaged
export class DhcpState {
  xid: u32;
  /** Our lease's, or what is offered, host order. */
  address: u32;
  server: u32;
  mask: u32;
  router: u32;
  dnsServer: u32;
  /** When the exchange began: a lease counts from the request. */
  sinceMs: Millis;
  /** What the state waits for. */
  deadlineMs: Millis;
  /** T2, and the end of the lease. */
  rebindAt: Millis;
  expiresAt: Millis;
  /** Of the DISCOVER: its REQUEST says the same (section 3.1). */
  secs: u16;
  /** Not for us, not from a server of ours, not what the state awaits, or without what must be in them. */
  badMessages: u16;
  hardwareHigh: u16;
  hardwareMiddle: u16;
  hardwareLow: u16;
  state: u8;
  attempts: u8;

  static get here(): DhcpState {
    return changetype<DhcpState>(DHCP_STATE);
  }
  /** Address of our 6 bytes of hardware address. */
  get hardware(): usize {
    return DHCP_STATE + offsetof<DhcpState>("hardwareHigh");
  }
}

/** @throws at compile time when the state does not fit its region */
export function powerOn(): void {
  if (!UDP) ERROR("DHCP needs UDP");
  if (offsetof<DhcpState>() > DHCP_STATE_BYTES) ERROR("DhcpState does not fit DHCP_STATE_BYTES");
}

/** Begins to ask for an address. @param hardware address of 6 bytes, copied: the link's own address */
export function start(hardware: usize, now: Millis): void {
  const s = DhcpState.here;
  memory.copy(s.hardware, hardware, dhcp.HARDWARE_LEN);
  restart(s, now);
}

/** Asks what else there is to know for a host that has its address already. @param hardware as for start() */
export function inform(hardware: usize, now: Millis): void {
  const s = DhcpState.here;
  memory.copy(s.hardware, hardware, dhcp.HARDWARE_LEN);
  s.address = 0;
  begin(s, INFORMING, now);
  transmit(s, INFORM, now);
}

/** Gives the lease back. */
export function release(now: Millis): void {
  const s = DhcpState.here;
  if (s.state >= BOUND && s.state <= REBINDING) send(s, RELEASE, now);
  forget(s);
  s.state = IDLE;
}

/** Somebody else has our address, as ARP shows: it is refused, and another one asked for (section 4.4.4). */
export function decline(now: Millis): void {
  const s = DhcpState.here;
  if (s.state < BOUND || s.state > REBINDING) return;
  const address = s.address;
  forget(s);
  s.address = address;
  send(s, DECLINE, now);
  restart(s, now + DECLINE_PAUSE_MS);
}

/** @returns IDLE … INFORMED */
export function state(): u32 {
  return DhcpState.here.state;
}

/** @returns the subnet mask, host order, 0: not told */
export function subnetMask(): u32 {
  return DhcpState.here.mask;
}

/** @returns the first router, host order, 0: not told */
export function router(): u32 {
  return DhcpState.here.router;
}

/** @returns whether a port is the client's, now */
export function isAt(port: u32): bool {
  return port == CLIENT_PORT && DhcpState.here.state != IDLE;
}

/** @param packet a datagram to the port of isAt(), as udp.input() returned it; owned by the callee */
export function input(packet: Pbuf, now: Millis): void {
  const s = DhcpState.here;
  const message = udp.trimHeaders(packet);
  const isGood = dhcp.isReply(message, s.xid, s.hardware) && answer(s, message, now);
  if (!isGood) count(DHCP_STATE + offsetof<DhcpState>("badMessages"));
  pbuf.give(message);
}

/** Runs the timers. @returns ms until one is due */
export function poll(now: Millis): Millis {
  const s = DhcpState.here;
  if (isWaiting(s) && until(s.deadlineMs, now) == 0) expire(s, now);
  return isWaiting(s) ? until(s.deadlineMs, now) : FOREVER;
}

function isWaiting(s: DhcpState): bool {
  if (s.state == BOUND) return s.expiresAt != 0;
  return s.state != IDLE && s.state != INFORMED;
}

// ── Messages that arrive ───────────────────────────────────────────────────────────────────────────────────────────

/** @returns whether the state awaits such a message, and it is complete */
function answer(s: DhcpState, message: Pbuf, now: Millis): bool {
  const type = dhcp.typeOf(message);
  if (s.state == SELECTING) return type == OFFER && select(s, message, now);
  if (s.state == INFORMING) return type == ACK && learn(s, message, INFORMED);
  const isAsking = s.state == REQUESTING || s.state == RENEWING || s.state == REBINDING;
  if (!isAsking) return false;
  const isFromOurs = s.state == REBINDING || dhcp.valueOf(message, dhcp.SERVER_ID) == s.server;
  if (!isFromOurs) return false;
  if (type == ACK) return bind(s, message);
  if (type != NAK) return false;
  restart(s, now + NAK_PAUSE_MS);
  return true;
}

/** The first offer is as good as any. */
function select(s: DhcpState, offer: Pbuf, now: Millis): bool {
  const address = dhcp.yourAddress(offer);
  const server = dhcp.valueOf(offer, dhcp.SERVER_ID);
  if (!ip.isHost(address) || !ip.isHost(server)) return false;
  s.address = address;
  s.server = server;
  s.state = REQUESTING;
  s.attempts = 0;
  s.sinceMs = now;
  transmit(s, REQUEST, now);
  return true;
}

function bind(s: DhcpState, ack: Pbuf): bool {
  const lease = dhcp.valueOf(ack, dhcp.LEASE_TIME);
  const server = dhcp.valueOf(ack, dhcp.SERVER_ID);
  if (!lease || !ip.isHost(server) || dhcp.yourAddress(ack) != s.address) return false;
  s.server = server;
  s.expiresAt = 0;
  if (lease != INFINITE) setTimes(s, ack, lease);
  ip.assign(s.address);
  return learn(s, ack, BOUND);
}

/** T1 and T2 as the server says, if that makes sense, else a half and seven eighths of the lease (section 4.4.5). */
function setTimes(s: DhcpState, ack: Pbuf, lease: u32): void {
  let renew = dhcp.valueOf(ack, dhcp.RENEWAL_TIME);
  let rebind = dhcp.valueOf(ack, dhcp.REBINDING_TIME);
  const end = min(lease, LEASE_MAX);
  if (!renew || renew >= rebind || rebind >= end) {
    renew = end >> 1;
    rebind = end - (end >> 3);
  }
  s.deadlineMs = s.sinceMs + renew * 1000;
  s.rebindAt = s.sinceMs + rebind * 1000;
  s.expiresAt = max(s.sinceMs + end * 1000, 1);
}

function learn(s: DhcpState, ack: Pbuf, state: u8): bool {
  s.mask = dhcp.valueOf(ack, dhcp.SUBNET_MASK);
  s.router = dhcp.valueOf(ack, dhcp.ROUTER);
  s.dnsServer = dhcp.valueOf(ack, dhcp.DNS_SERVER);
  if (DNS && s.dnsServer) dns.setServer(s.dnsServer);
  s.state = state;
  return true;
}

// ── Timers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function expire(s: DhcpState, now: Millis): void {
  switch (u32(s.state)) {
    case INIT:
      begin(s, SELECTING, now);
      return transmit(s, DISCOVER, now);
    case SELECTING:
      return transmit(s, DISCOVER, now);
    case REQUESTING:
      return s.attempts < ATTEMPTS ? transmit(s, REQUEST, now) : restart(s, now);
    case INFORMING:
      if (s.attempts < ATTEMPTS) return transmit(s, INFORM, now);
      s.state = IDLE;
      return;
    default:
      return extend(s, now);
  }
}

/** Asks for more time: at first the server that gave the lease, later whoever hears it. */
function extend(s: DhcpState, now: Millis): void {
  if (!isBefore(now, s.expiresAt)) return restart(s, now);
  if (s.state == BOUND) begin(s, RENEWING, now);
  if (!isBefore(now, s.rebindAt)) s.state = REBINDING;
  send(s, REQUEST, now);
  const end = s.state == REBINDING ? s.expiresAt : s.rebindAt;
  const left = until(end, now);
  s.deadlineMs = now + min(left, max(left >> 1, RENEW_WAIT_MS));
}

/** From the beginning, without an address. @param at when */
function restart(s: DhcpState, at: Millis): void {
  forget(s);
  s.state = INIT;
  s.deadlineMs = at;
}

function forget(s: DhcpState): void {
  s.address = 0;
  ip.assign(0);
}

/** A new exchange. */
function begin(s: DhcpState, state: u8, now: Millis): void {
  s.state = state;
  s.attempts = 0;
  s.xid = udp.random();
  s.sinceMs = now;
}

// ── Messages that leave ────────────────────────────────────────────────────────────────────────────────────────────

/** Sends, and waits the longer for an answer the more often it was in vain. */
function transmit(s: DhcpState, type: u32, now: Millis): void {
  if (type != REQUEST) s.secs = u16(min((now - s.sinceMs) / 1000, 0xffff));
  send(s, type, now);
  const wait = FIRST_WAIT_MS << min(s.attempts, DOUBLINGS);
  s.deadlineMs = now + wait - JITTER_MS + (udp.random() % (2 * JITTER_MS));
  if (s.attempts < 255) s.attempts++;
}

/** Which fields and options a message has: section 4.4.1, table 5. */
function send(s: DhcpState, type: u32, now: Millis): void {
  const isExtending = s.state == RENEWING || s.state == REBINDING;
  if (isExtending) s.secs = u16(min((now - s.sinceMs) / 1000, 0xffff));
  const message = dhcp.open(type, s.xid, s.secs, ip.localAddress(), s.hardware);
  if (!message) return;
  const isToOne = (s.state == RENEWING && type == REQUEST) || type == RELEASE;
  const namesServer = s.state == REQUESTING || type == DECLINE || type == RELEASE;
  let ok = dhcp.optionClientId(message, s.hardware);
  if (s.state == REQUESTING || type == DECLINE)
    ok = ok && dhcp.option32(message, dhcp.REQUESTED_ADDRESS, s.address);
  if (namesServer) ok = ok && dhcp.option32(message, dhcp.SERVER_ID, s.server);
  if (type != DECLINE && type != RELEASE) ok = ok && dhcp.optionWishes(message);
  if (ok && dhcp.close(message))
    udp.sendPacket(message, CLIENT_PORT, isToOne ? s.server : ip.BROADCAST, SERVER_PORT);
  else pbuf.give(message);
}
