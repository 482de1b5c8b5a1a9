// What a card's RAM says of its pools, read by the firmware's own structures: a test copies the arena of a card here.
import { CRYPTO, CRYPTO_BYTES, TLS } from "../../firmware/chip/ram-map.ts";
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import * as ahdlc from "../../firmware/link/ahdlc.ts";
import * as ppp from "../../firmware/link/ppp/ppp.ts";
import { Endpoint, FREE } from "../../firmware/net/endpoint.ts";
import { IpState } from "../../firmware/net/ip.ts";
import { TIME_WAIT, Tcb } from "../../firmware/net/tcb.ts";
import * as tcb from "../../firmware/net/tcb.ts";
import { TcpState } from "../../firmware/net/tcp-state.ts";
import { Incoming } from "../../firmware/tls/incoming.ts";

export function pbufsFree(): u32 {
  return pbuf.freeCount();
}

export function headersFree(): u32 {
  return pbuf.freeHeaderCount();
}

/** How often a pbuf was wanted and the pool was empty. */
export function exhausted(): u32 {
  return pbuf.exhaustedCount();
}

/** Listeners among them. */
export function socketsInUse(): u32 {
  let count: u32 = 0;
  for (let number: u32 = 1; number <= u32(SOCKET_COUNT); number++)
    count += u32(Endpoint.at(number).kind != FREE);
  return count;
}

export function tcbsInUse(): u32 {
  return tcb.countInUse();
}

export function timeWaits(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) count += u32(Tcb.at(i).state == TIME_WAIT);
  return count;
}

export function isUp(): u32 {
  return u32(ppp.isUp());
}

/** Frames that were damaged; at most 255. */
export function badFrames(): u32 {
  return ahdlc.badFrames();
}

/** Frames that were too long, or found no pbuf; at most 255. */
export function lostFrames(): u32 {
  return ahdlc.lostFrames();
}

/** Replies that found the pool too empty. */
export function repliesDropped(): u32 {
  return IpState.here.repliesDropped;
}

export function retransmitted(): u32 {
  return TcpState.here.retransmitted;
}

export function synsDropped(): u32 {
  return TcpState.here.synsDropped;
}

/** Connections given up because the peer was silent. */
export function timedOut(): u32 {
  return TcpState.here.timedOut;
}

/** Has RSA the memory of the TLS context? */
export function isLent(): bool {
  return changetype<Incoming>(TLS).isLent;
}

/** Where TLS and cryptography work. */
export function secretsFrom(): usize {
  return TLS;
}
export function secretsTo(): usize {
  return CRYPTO + CRYPTO_BYTES;
}
