// The option negotiation automaton of RFC 1661 section 4, whole, for LCP and the network control protocols alike: ten
// states, sixteen events, and what is to be done at each as data. Nothing is called from here: event() moves to the
// next state and returns the actions, which control.ts carries out.
import { Millis } from "../../chip/clock.ts";

// States, RFC 1661 section 4.2.
export const INITIAL: u32 = 0;
export const STARTING: u32 = 1;
export const CLOSED: u32 = 2;
export const STOPPED: u32 = 3;
export const CLOSING: u32 = 4;
export const STOPPING: u32 = 5;
export const REQ_SENT: u32 = 6;
export const ACK_RCVD: u32 = 7;
export const ACK_SENT: u32 = 8;
export const OPENED: u32 = 9;
const STATES: u32 = 10;

// Events, section 4.3, in the order of the table.
export const UP: u32 = 0;
export const DOWN: u32 = 1;
export const OPEN: u32 = 2;
export const CLOSE: u32 = 3;
/** Timeout, with and without tries left. */
export const TO_PLUS: u32 = 4;
export const TO_MINUS: u32 = 5;
/** Receive-Configure-Request, good and bad. */
export const RCR_PLUS: u32 = 6;
export const RCR_MINUS: u32 = 7;
/** Receive-Configure-Ack; -Nak or -Reject. */
export const RCA: u32 = 8;
export const RCN: u32 = 9;
/** Receive-Terminate-Request, -Ack. */
export const RTR: u32 = 10;
export const RTA: u32 = 11;
/** Receive-Unknown-Code. */
export const RUC: u32 = 12;
/** Receive-Code-Reject or -Protocol-Reject, permitted and catastrophic. */
export const RXJ_PLUS: u32 = 13;
export const RXJ_MINUS: u32 = 14;
/** Receive-Echo-Request, -Reply, Discard-Request. */
export const RXR: u32 = 15;

// Actions, section 4.4: bits above the next state. Initialize-Restart-Counter takes its maximum from the state.
/** This-Layer-Up, -Down, -Started, -Finished. */
export const TLU: u16 = 0x0010;
export const TLD: u16 = 0x0020;
export const TLS: u16 = 0x0040;
export const TLF: u16 = 0x0080;
/** Initialize-, Zero-Restart-Counter. */
export const IRC: u16 = 0x0100;
export const ZRC: u16 = 0x0200;
/** Send-Configure-Request, -Ack, -Nak (or -Reject). */
export const SCR: u16 = 0x0400;
export const SCA: u16 = 0x0800;
export const SCN: u16 = 0x1000;
/** Send-Terminate-Request, -Ack. */
export const STR: u16 = 0x2000;
export const STA: u16 = 0x4000;
/** Send-Code-Reject (on RUC), Send-Echo-Reply (on RXR). */
export const SCJ: u16 = 0x8000;
export const SER: u16 = 0x8000;

/** An event that cannot happen in a state; it is ignored. */
const XX: u16 = 15;

/** Tries before giving up (section 4.6). */
export const MAX_CONFIGURE: u32 = 10;
export const MAX_TERMINATE: u32 = 2;
/** Naks sent before an option is rejected. */
export const MAX_FAILURE: u32 = 5;
/** The Restart timer, ms. */
const RESTART_MS: Millis = 3000;
/** How long the Terminate-Ack may travel before we are Stopped, ms ("an appropriate value", zrc in section 4.4). */
const PAUSE_MS: Millis = 300;

/** Section 4.1, the state transition table: one row an event, one column a state. */
// prettier-ignore
const TABLE: usize = memory.data<u16>([
  /*         Initial  Starting       Closed         Stopped              Closing     Stopping    Req-Sent         Ack-Rcvd         Ack-Sent         Opened */
  /* Up   */ 2,       IRC|SCR|6,     XX,            XX,                  XX,         XX,         XX,              XX,              XX,              XX,
  /* Down */ XX,      XX,            0,             TLS|1,               0,          1,          1,               1,               1,               TLD|1,
  /* Open */ TLS|1,   1,             IRC|SCR|6,     3,                   5,          5,          6,               7,               8,               9,
  /* Close*/ 0,       TLF|0,         2,             2,                   4,          4,          IRC|STR|4,       IRC|STR|4,       IRC|STR|4,       TLD|IRC|STR|4,
  /* TO+  */ XX,      XX,            XX,            XX,                  STR|4,      STR|5,      SCR|6,           SCR|6,           SCR|8,           XX,
  /* TO-  */ XX,      XX,            XX,            XX,                  TLF|2,      TLF|3,      TLF|3,           TLF|3,           TLF|3,           XX,
  /* RCR+ */ XX,      XX,            STA|2,         IRC|SCR|SCA|8,       4,          5,          SCA|8,           SCA|TLU|9,       SCA|8,           TLD|SCR|SCA|8,
  /* RCR- */ XX,      XX,            STA|2,         IRC|SCR|SCN|6,       4,          5,          SCN|6,           SCN|7,           SCN|6,           TLD|SCR|SCN|6,
  /* RCA  */ XX,      XX,            STA|2,         STA|3,               4,          5,          IRC|7,           SCR|6,           IRC|TLU|9,       TLD|SCR|6,
  /* RCN  */ XX,      XX,            STA|2,         STA|3,               4,          5,          IRC|SCR|6,       SCR|6,           IRC|SCR|8,       TLD|SCR|6,
  /* RTR  */ XX,      XX,            STA|2,         STA|3,               STA|4,      STA|5,      STA|6,           STA|6,           STA|6,           TLD|ZRC|STA|5,
  /* RTA  */ XX,      XX,            2,             3,                   TLF|2,      TLF|3,      6,               6,               8,               TLD|SCR|6,
  /* RUC  */ XX,      XX,            SCJ|2,         SCJ|3,               SCJ|4,      SCJ|5,      SCJ|6,           SCJ|7,           SCJ|8,           SCJ|9,
  /* RXJ+ */ XX,      XX,            2,             3,                   4,          5,          6,               6,               8,               9,
  /* RXJ- */ XX,      XX,            TLF|2,         TLF|3,               TLF|2,      TLF|3,      TLF|3,           TLF|3,           TLF|3,           TLD|IRC|STR|5,
  /* RXR  */ XX,      XX,            2,             3,                   4,          5,          6,               7,               8,               SER|9,
]);

/** One protocol's automaton. */
@final
@unmanaged
export class Fsm {
  /** When the Restart timer runs out; while Stopped: when to try again. */
  deadlineMs: u32;
  state: u8;
  /** The Restart counter. */
  counter: u8;
  /** Configure-Naks sent since the last Configure-Ack. */
  failures: u8;
  /** Identifier of the last Configure- or Terminate-Request of ours. */
  id: u8;
  /** Our options that the peer has not rejected, bit by option type. */
  wanted: u16;
  /** The request, SCR or STR, to be sent when the link is idle; 0: none. */
  pending: u16;
}

/** @returns true in the states in which the Restart timer runs */
export function isTimed(f: Fsm): bool {
  return f.state >= CLOSING && f.state <= ACK_SENT;
}

/** @returns how long the Restart timer runs in the present state, ms */
export function periodOf(f: Fsm): Millis {
  return f.state == STOPPING && f.counter == 0 ? PAUSE_MS : RESTART_MS;
}

/**
 * An event happens.
 * @returns the actions to carry out, TLU .. SER
 */
export function event(f: Fsm, which: u32, now: Millis): u32 {
  const cell = u32(load<u16>(TABLE + ((which * STATES + f.state) << 1)));
  const next = cell & 15;
  if (next == XX) return 0;
  f.state = u8(next);
  if (cell & IRC) f.counter = u8(cell & STR ? MAX_TERMINATE : MAX_CONFIGURE);
  if (cell & ZRC) f.counter = 0;
  if (cell & (ZRC | SCR | STR)) f.deadlineMs = now + periodOf(f);
  if (cell & (SCR | STR)) request(f, cell & (SCR | STR), which == TO_PLUS);
  if (!isTimed(f)) f.pending = 0;
  return cell & ~15;
}

/** Each request that goes out counts as one try. */
function request(f: Fsm, what: u32, again: bool): void {
  if (f.counter) f.counter--;
  if (!again) f.id++;
  f.pending = u16(what);
}
