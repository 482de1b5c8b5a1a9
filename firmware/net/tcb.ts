// Transmission control blocks, RFC 9293 section 3.3.1: one a connection, in a fixed table. Names are the RFC's.
//
// What is sent lies in the application's memory, a region; its sequence numbers:
//
//          dataSeq                                   dataSeq + dataLength = where FIN stands
//          ├─────────────┬─────────────┬─────────────┤
//          │ acknowledged│ in flight   │ not sent yet│
//                        sndUna        sndNxt        (sndMax ≥ sndNxt: sent before, being sent again)
//
// A region is held until it has been acknowledged; unless the application can make its bytes again (REPEATABLE): then it
// is free as soon as it has left, and any number of octets can be in flight that nobody keeps:
//
//          sndUna                      dataSeq       dataSeq + dataLength
//          ├───────────────────────────┬─────────────┤
//          │ in flight, kept nowhere   │ the region  │
//                                            sndNxt
//
// After a loss sndNxt is outside of the region, which is forgotten: the application finds that other bytes are wanted.
//
// Before the handshake is done, sndUna is the initial sequence number and dataSeq the one behind it. What is received
// in order and not read is one packet, `received`; rcvAdv is the right edge of the window that the peer knows of.
//
// A block is free when it is CLOSED and has no owner. A closed one with an owner keeps received data for its reader.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis, isBefore } from "../chip/clock.ts";
import { TCBS, TCBS_BYTES, TCB_BYTES } from "../chip/ram-map.ts";
import { Endpoint } from "./endpoint.ts";

// RFC 9293 section 3.3.2; LISTEN is an endpoint's.
export const CLOSED: u8 = 0;
export const SYN_SENT: u8 = 1;
export const SYN_RECEIVED: u8 = 2;
export const ESTABLISHED: u8 = 3;
export const FIN_WAIT_1: u8 = 4;
export const FIN_WAIT_2: u8 = 5;
export const CLOSE_WAIT: u8 = 6;
export const CLOSING: u8 = 7;
export const LAST_ACK: u8 = 8;
export const TIME_WAIT: u8 = 9;
/** Aborted by us: gone when its RST has been sent. */
export const RESETTING: u8 = 10;

// The one timer of a connection, by what it waits for.
export const TIMER_NONE: u8 = 0;
/** The acknowledgment of what has been sent (RFC 6298). */
export const TIMER_RETRANSMIT: u8 = 1;
/** A window that one can send into (RFC 9293 section 3.8.6.1). */
export const TIMER_PERSIST: u8 = 2;
/** The end of TIME-WAIT, or of a FIN-WAIT-2 that nobody reads. */
export const TIMER_LINGER: u8 = 3;

/** Duplicate acknowledgments that mean a loss (RFC 5681 section 3.2). */
export const DUPLICATES: u8 = 3;

/** An ACK is due with the next segment. */
export const ACK_NOW: u8 = 1;
/** An ACK is due at ackAt (RFC 1122 section 4.2.3.2). */
export const ACK_LATER: u8 = 2;
/** A segment is being timed: rttSeq, rttAt. */
export const TIMING: u8 = 4;
/** Made by a listener (the owner), not accepted yet. */
export const UNACCEPTED: u8 = 8;
/** The peer is to be asked for an ACK, or sent a segment that the window makes silly. */
export const PROBE: u8 = 16;
/** More data will follow the region: no PUSH. */
export const MORE: u8 = 32;
/** FIN as soon as the handshake is done. */
export const FIN_LATER: u8 = 64;
/** The region, and whatever else is in flight, can be made again by the application. */
export const REPEATABLE: u8 = 128;

@final
@unmanaged
export class Tcb {
  remoteAddress: u32;
  sndUna: u32;
  sndNxt: u32;
  sndMax: u32;
  /** SEG.SEQ and SEG.ACK of the last window update. */
  sndWl1: u32;
  sndWl2: u32;
  rcvNxt: u32;
  rcvAdv: u32;
  /** rcvNxt as last acknowledged. */
  rcvAcked: u32;
  dataSeq: u32;
  /** sndMax when loss was last seen: one loss, one reaction (RFC 6582). */
  recover: u32;
  rttSeq: u32;
  rttAt: Millis;
  timerAt: Millis;
  ackAt: Millis;
  /** When the peer was last heard of. */
  heardAt: Millis;

  remotePort: u16;
  localPort: u16;
  sndWnd: u16;
  /** The largest window that the peer has offered. */
  sndWndMax: u16;
  cwnd: u16;
  ssthresh: u16;
  /** Smoothed round-trip time and its variation, ms; srtt 0: none measured. */
  srtt: u16;
  rttvar: u16;
  /** Retransmission timeout, ms. */
  rto: u16;
  /** Most data bytes of a segment to the peer. */
  mss: u16;
  dataAt: u16;
  dataLength: u16;
  private receivedAt: u16;
  /** When a challenge ACK was last sent, in 16 ms. */
  challengedAt: u16;

  state: u8;
  timer: u8;
  flags: u8;
  /** Retransmissions of what is at sndUna, or window probes; sets the backoff. */
  retries: u8;
  /** Segments sent since the peer was last heard of. */
  unanswered: u8;
  dupAcks: u8;
  /** Number of its endpoint, 0: an orphan. */
  owner: u8;
  /** Number of the endpoint whose region it sends, also when it is an orphan. */
  sender: u8;
  /** 1: an ICMP error has said that the peer can't be reached, and nothing has shown that it can. */
  isUnreachable: u8;

  static at(index: u32): Tcb {
    return changetype<Tcb>(TCBS + index * TCB_BYTES);
  }
  /** @param number 1..TCB_COUNT, as an endpoint keeps it */
  static of(number: u32): Tcb {
    return Tcb.at(number - 1);
  }
  get number(): u32 {
    return u32(changetype<usize>(this) - TCBS) / TCB_BYTES + 1;
  }
  get received(): Pbuf | null {
    return changetype<Pbuf | null>(usize(this.receivedAt));
  }
  set received(packet: Pbuf | null) {
    this.receivedAt = u16(changetype<usize>(packet));
  }
  /** Sequence number behind the region: our FIN's. */
  get dataEnd(): u32 {
    return this.dataSeq + this.dataLength;
  }
  /** Sequence number behind all that has been sent or waits in the region. */
  get end(): u32 {
    return seqBefore(this.dataEnd, this.sndMax) ? this.sndMax : this.dataEnd;
  }
  get isFinAcked(): bool {
    return seqBefore(this.dataEnd, this.sndUna);
  }
  /** Our FIN is sent, or will be. */
  get isFinishing(): bool {
    return this.state == FIN_WAIT_1 || this.state == CLOSING || this.state == LAST_ACK;
  }
  /** The peer may still send data. */
  get canReceive(): bool {
    return this.state >= ESTABLISHED && this.state <= FIN_WAIT_2;
  }
  /** The peer's FIN has been received, and all before it. */
  get hasPeerFinished(): bool {
    return this.state > FIN_WAIT_2 || this.state == CLOSED;
  }
  has(flag: u8): bool {
    return (this.flags & flag) != 0;
  }
  set(flag: u8): void {
    this.flags |= flag;
  }
  unset(flag: u8): void {
    this.flags &= ~flag;
  }
  /** A loss has been seen by duplicate ACKs, and nothing has been acknowledged since. */
  get isRecovering(): bool {
    return this.dupAcks >= DUPLICATES;
  }
  /** The region is the application's again: the next one begins at sndNxt. */
  forget(): void {
    this.dataSeq = this.sndNxt;
    this.dataLength = 0;
  }
  arm(timer: u8, at: Millis): void {
    this.timer = timer;
    this.timerAt = at;
  }
}

/** @throws at compile time when a block does not fit */
export function powerOn(): void {
  if (offsetof<Tcb>() > TCB_BYTES) ERROR("Tcb does not fit TCB_BYTES");
  memory.fill(TCBS, 0, TCBS_BYTES);
}

/** @returns whether sequence number `a` is before `b`, modulo 2^32 */
export function seqBefore(a: u32, b: u32): bool {
  return i32(a - b) < 0;
}

/** @returns the connection of these ports with this peer, null when there is none */
export function find(remoteAddress: u32, remotePort: u32, localPort: u32): Tcb | null {
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const tcb = Tcb.at(i);
    if (tcb.state == CLOSED || tcb.state == RESETTING) continue;
    if (tcb.remoteAddress == remoteAddress && tcb.remotePort == remotePort && tcb.localPort == localPort)
      return tcb;
  }
  return null;
}

/**
 * @param stale how old a half-open connection must be to be given up for a new one, ms
 * @returns a cleared block: a free one, else the oldest of those that can best be done without; null
 */
export function take(now: Millis, stale: Millis): Tcb | null {
  let best: Tcb | null = null;
  let bestRank: u32 = 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const tcb = Tcb.at(i);
    const rank = rankOf(tcb, now, stale);
    if (rank < bestRank || rank == 0) continue;
    if (rank == bestRank && !isBefore(tcb.timerAt, best!.timerAt)) continue;
    best = tcb;
    bestRank = rank;
  }
  if (best) release(best);
  return best;
}

/**
 * An orphan has said all, and RFC 9293 section 3.6 lets its peer keep it as long as it likes. So it goes when its block
 * is needed and the peer has everything, or has everything but the FIN, repeated in vain.
 * @returns how well a block can be done without, 0: not at all
 */
function rankOf(tcb: Tcb, now: Millis, stale: Millis): u32 {
  if (tcb.owner) return u32(isStale(tcb, now, stale));
  if (tcb.state == CLOSED) return 5;
  if (tcb.state == TIME_WAIT) return 4;
  if (tcb.state == FIN_WAIT_2) return 3;
  return tcb.isFinishing && tcb.retries > 0 && tcb.sndUna == tcb.dataEnd ? 2 : 0;
}

/** @returns whether a connection is half-open, made by a listener, and at least `age` ms old */
export function isStale(tcb: Tcb, now: Millis, age: Millis): bool {
  return tcb.state == SYN_RECEIVED && tcb.has(UNACCEPTED) && now - tcb.heardAt >= age;
}

/** @returns blocks that are not free */
export function countInUse(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const tcb = Tcb.at(i);
    if (tcb.state != CLOSED || tcb.owner) count++;
  }
  return count;
}

/** @returns how many connections wait for a listener's accept(), half-open ones included */
export function countUnaccepted(listener: u32): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < u32(TCB_COUNT); i++) {
    const tcb = Tcb.at(i);
    if (tcb.owner == listener && tcb.has(UNACCEPTED)) count++;
  }
  return count;
}

/** Ends a connection without a word to the peer and tells the endpoint. @param error 0: in order, data may still be read */
export function retire(tcb: Tcb, error: i32): void {
  if (tcb.owner && !tcb.has(UNACCEPTED)) {
    if (error == 0 && tcb.received) {
      tcb.state = CLOSED;
      silence(tcb);
      return;
    }
    const endpoint = Endpoint.at(tcb.owner);
    endpoint.tcb = 0;
    endpoint.ended = 1;
    endpoint.error = i8(error);
  }
  release(tcb);
}

/** Ends a connection with a RST, as soon as the link is free; the region and what was received are given up at once. */
export function reset(tcb: Tcb): void {
  pbuf.give(tcb.received);
  tcb.received = null;
  silence(tcb);
  tcb.owner = 0;
  tcb.state = RESETTING;
}

/** Frees a block and the pbufs that it holds. */
export function release(tcb: Tcb): void {
  pbuf.give(tcb.received);
  memory.fill(changetype<usize>(tcb), 0, TCB_BYTES);
}

/** Nothing is to be sent any more. */
function silence(tcb: Tcb): void {
  tcb.timer = TIMER_NONE;
  tcb.sender = 0;
  tcb.dataLength = 0;
}
