// What LCP and IPCP have in common (RFC 1661 section 5): packets become events of the automaton, its actions become
// packets. A reply is made in the frame that was received and waits in a short queue until the link is idle; a request
// of ours is made only when it can leave.
import * as pbuf from "../../buffer/pbuf.ts";
import { Pbuf } from "../../buffer/pbuf.ts";
import { Millis } from "../../chip/clock.ts";
import * as ahdlc from "../ahdlc.ts";
import * as automaton from "./fsm.ts";
import { Fsm } from "./fsm.ts";
import * as ipcp from "./ipcp.ts";
import { IPCP_END } from "./ipcp.ts";
import * as lcp from "./lcp.ts";
import * as packet from "./packet.ts";
import { ACK, CODE_AT, DATA_AT, ID_AT, LENGTH_AT, NAK, PROTOCOL_LEN, REJECT } from "./packet.ts";

/** Replies waiting; more are dropped, and the peer asks again. */
const MAX_REPLIES: u32 = 3;
/** A rejected packet is sent back no longer than this (every MRU is longer). */
const MAX_REJECTED: u32 = 64;
const MAGIC_LEN: u32 = 4;

@final
@unmanaged
class ControlState {
  replies: u16;
  replyCount: u8;
  /** So many of them go before a request. */
  earlier: u8;
  /** Identifier of our last Code-Reject, Protocol-Reject or Echo-Request. */
  rejectId: u8;
  /** Whose control packet went to the link last if it was a request of ours; NOBODY for a reply. */
  asked: u8;
}

const NOBODY: u8 = 0;
const BY_LCP: u8 = 1;
const BY_IPCP: u8 = 2;

const STATE: usize = IPCP_END;
export const CONTROL_END: usize = STATE + offsetof<ControlState>();

/** @returns the automaton of LCP or IPCP */
export function fsmOf(protocol: u32): Fsm {
  return protocol == packet.LCP ? lcp.fsm() : ipcp.fsm();
}

/**
 * A control packet of LCP or IPCP; takes ownership.
 * @returns the automaton's actions, of which the caller carries out those on other layers: TLU, TLD, TLF
 */
export function input(protocol: u32, frame: Pbuf, now: Millis): u32 {
  const length: u32 = frame.totalLength < DATA_AT ? 0 : packet.get16(frame, LENGTH_AT);
  if (length < DATA_AT - PROTOCOL_LEN || length + PROTOCOL_LEN > frame.totalLength) return discard(frame);
  pbuf.trimTail(frame, length + PROTOCOL_LEN); // what follows is padding
  const f = fsmOf(protocol);
  const code = packet.get8(frame, CODE_AT);
  switch (code) {
    case packet.CONFIGURE_REQUEST:
      return configureRequest(protocol, f, frame, now);
    case packet.CONFIGURE_ACK:
      return isAnswer(f, frame) && isOurRequest(protocol, f, frame)
        ? terminateAck(frame, automaton.event(f, automaton.RCA, now))
        : discard(frame);
    case packet.CONFIGURE_NAK:
    case packet.CONFIGURE_REJECT:
      return configureRefused(protocol, f, frame, now);
    case packet.TERMINATE_REQUEST:
      return terminateAck(frame, automaton.event(f, automaton.RTR, now));
    case packet.TERMINATE_ACK:
      return finish(frame, automaton.event(f, automaton.RTA, now));
    case packet.CODE_REJECT:
      return codeRejected(f, frame, now);
    case packet.ECHO_REQUEST:
    case packet.ECHO_REPLY:
    case packet.DISCARD_REQUEST:
      if (protocol == packet.LCP) return echo(f, frame, code, now);
      break;
  }
  return unknownCode(protocol, f, frame, now);
}

/** Makes a Protocol-Reject of a frame and queues it (section 5.7). */
export function rejectProtocol(frame: Pbuf): void {
  pbuf.trimTail(frame, min(frame.totalLength, MAX_REJECTED));
  reject(packet.LCP, packet.PROTOCOL_REJECT, frame);
}

/** Queues a packet of ours unless the pool was too empty to make it. */
export function queueIfAny(frame: Pbuf | null, code: u32): void {
  if (frame) queue(frame, code);
}

/** Asks the peer whether it is still there (section 5.8). The answer is any frame of its. */
export function askEcho(): void {
  const frame = packet.create(packet.LCP, packet.ECHO_REQUEST, ++state().rejectId);
  if (!frame) return;
  packet.add32(frame, lcp.magic());
  queue(frame, packet.ECHO_REQUEST);
}

/** @returns true when a reply or a request waits for the link */
export function isPending(): bool {
  return (u32(state().replies) | lcp.fsm().pending | ipcp.fsm().pending) != 0;
}

/** @returns true while a request of an automaton's waits for the link or is on its way through it */
export function isAsking(f: Fsm): bool {
  const asked = f == lcp.fsm() ? BY_LCP : BY_IPCP;
  return f.pending != 0 || (ahdlc.isSending() && state().asked == asked);
}

/** The link is idle: sends one packet that waits. @returns false when the pool is empty */
export function send(): bool {
  const s = state();
  const protocol = lcp.fsm().pending ? packet.LCP : packet.IPCP;
  const f = fsmOf(protocol);
  const reply = changetype<Pbuf | null>(usize(s.replies));
  if (reply && (s.earlier || !f.pending)) {
    s.replies = u16(changetype<usize>(pbuf.dequeue(reply)));
    s.replyCount--;
    if (s.earlier) s.earlier--;
    s.asked = NOBODY;
    return ahdlc.send(reply);
  }
  if (!f.pending) return true;
  const request =
    f.pending == automaton.STR
      ? packet.create(protocol, packet.TERMINATE_REQUEST, f.id)
      : ourRequest(protocol, f, packet.CONFIGURE_REQUEST);
  if (!request) return false;
  if (protocol == packet.LCP) lcp.prepare();
  s.asked = protocol == packet.LCP ? BY_LCP : BY_IPCP;
  f.pending = 0;
  return ahdlc.send(request);
}

function configureRequest(protocol: u32, f: Fsm, frame: Pbuf, now: Millis): u32 {
  if (!packet.hasGoodOptions(frame)) return discard(frame);
  let verdict = ACK;
  for (let at = DATA_AT; at < frame.totalLength; at += packet.get8(frame, at + 1))
    verdict = max(verdict, judge(protocol, frame, at));
  if (verdict == NAK && f.failures >= automaton.MAX_FAILURE) {
    if (protocol == packet.LCP && isLoop(frame)) return discard(frame);
    verdict = REJECT; // section 4.6: the peer will not be persuaded
  }
  const actions = automaton.event(f, verdict == ACK ? automaton.RCR_PLUS : automaton.RCR_MINUS, now);
  if (actions & automaton.SCA) {
    adoptAll(protocol, frame);
    f.failures = 0;
    queue(frame, packet.CONFIGURE_ACK);
  } else if (actions & automaton.SCN) {
    if (verdict == NAK) f.failures++;
    keepRefused(protocol, frame, verdict);
    queue(frame, verdict == NAK ? packet.CONFIGURE_NAK : packet.CONFIGURE_REJECT);
  } else terminateAck(frame, actions);
  return actions;
}

function adoptAll(protocol: u32, frame: Pbuf): void {
  if (protocol == packet.LCP) lcp.forget();
  else ipcp.forget();
  for (let at = DATA_AT; at < frame.totalLength; at += packet.get8(frame, at + 1)) {
    if (protocol == packet.LCP) lcp.adopt(frame, at);
    else ipcp.adopt(frame, at);
  }
}

/** Leaves in a request only what the verdict is about, with our suggestions. In a Reject after too many Naks, all. */
function keepRefused(protocol: u32, frame: Pbuf, verdict: u32): void {
  const end = frame.totalLength;
  const least = fsmOf(protocol).failures >= automaton.MAX_FAILURE ? NAK : verdict;
  let out = DATA_AT;
  let at = DATA_AT;
  while (at < end) {
    const length = packet.get8(frame, at + 1);
    if (judge(protocol, frame, at) >= least) {
      if (verdict == NAK) suggest(protocol, frame, at);
      for (let i: u32 = 0; i < length; i++) packet.put8(frame, out++, packet.get8(frame, at + i));
    }
    at += length;
  }
  pbuf.trimTail(frame, out);
}

/** True for a Configure-Request of our own that came back. */
function isLoop(frame: Pbuf): bool {
  for (let at = DATA_AT; at < frame.totalLength; at += packet.get8(frame, at + 1))
    if (lcp.isOursAt(frame, at)) return true;
  return false;
}

function judge(protocol: u32, frame: Pbuf, at: u32): u32 {
  return protocol == packet.LCP ? lcp.judge(frame, at) : ipcp.judge(frame, at);
}

function suggest(protocol: u32, frame: Pbuf, at: u32): void {
  if (protocol == packet.LCP) lcp.suggest(frame, at);
  else ipcp.suggest(frame, at);
}

/** A Nak or a Reject of our request: asks for less, or for something else. */
function configureRefused(protocol: u32, f: Fsm, frame: Pbuf, now: Millis): u32 {
  if (!isAnswer(f, frame) || !packet.hasGoodOptions(frame)) return discard(frame);
  const rejected = packet.get8(frame, CODE_AT) == packet.CONFIGURE_REJECT;
  for (let at = DATA_AT; at < frame.totalLength; at += packet.get8(frame, at + 1)) {
    const type = packet.get8(frame, at);
    if (rejected) f.wanted &= u16(~ipcp.bitOf(type));
    else if (protocol == packet.LCP) lcp.reconsider(frame, at);
    else ipcp.reconsider(frame, at);
  }
  return terminateAck(frame, automaton.event(f, automaton.RCN, now));
}

/** A rejected code that the automaton lives on is a catastrophe (RXJ-). */
function codeRejected(f: Fsm, frame: Pbuf, now: Millis): u32 {
  const code = frame.totalLength > DATA_AT ? packet.get8(frame, DATA_AT) : 0;
  const fatal = code >= packet.CONFIGURE_REQUEST && code <= packet.CODE_REJECT;
  return finish(frame, automaton.event(f, fatal ? automaton.RXJ_MINUS : automaton.RXJ_PLUS, now));
}

/** Echo-Requests are answered when Opened, with our Magic-Number; one with our own comes from a looped line. */
function echo(f: Fsm, frame: Pbuf, code: u32, now: Millis): u32 {
  const actions = automaton.event(f, automaton.RXR, now);
  const answered = code == packet.ECHO_REQUEST && (actions & automaton.SER) != 0;
  if (!answered || frame.totalLength < DATA_AT + MAGIC_LEN) return discard(frame);
  if (lcp.isOurs(packet.get32(frame, DATA_AT))) return discard(frame);
  packet.put32(frame, DATA_AT, lcp.magic());
  queue(frame, packet.ECHO_REPLY);
  return 0;
}

function unknownCode(protocol: u32, f: Fsm, frame: Pbuf, now: Millis): u32 {
  const actions = automaton.event(f, automaton.RUC, now);
  if (!(actions & automaton.SCJ)) return discard(frame);
  const rejected = pbuf.trimHead(frame, PROTOCOL_LEN);
  pbuf.trimTail(rejected, min(rejected.totalLength, MAX_REJECTED));
  reject(protocol, packet.CODE_REJECT, rejected);
  return 0;
}

/** Done with a packet, unless the automaton wants it answered by a Terminate-Ack. */
function terminateAck(frame: Pbuf, actions: u32): u32 {
  if (!(actions & automaton.STA)) return finish(frame, actions);
  pbuf.trimTail(frame, DATA_AT);
  queue(frame, packet.TERMINATE_ACK);
  return actions;
}

/** Puts a packet's header before what is rejected: REPLY_ROOM is there, and what was trimmed. */
function reject(protocol: u32, code: u32, rejected: Pbuf): void {
  pbuf.prepend(rejected, DATA_AT);
  packet.put16(rejected, 0, protocol);
  packet.put8(rejected, ID_AT, ++state().rejectId);
  queue(rejected, code);
}

/**
 * Queues a packet of ours or a received frame that becomes one, by its code and its length. All leaves in the order in
 * which it came about; of one event first the request, then the answer, as in the table of section 4.1. Two ends that did
 * otherwise could chase each other in and out of Opened for ever.
 */
export function queue(frame: Pbuf, code: u32): void {
  const s = state();
  if (s.replyCount >= MAX_REPLIES) return pbuf.give(frame);
  packet.put8(frame, CODE_AT, code);
  packet.put16(frame, LENGTH_AT, frame.totalLength - PROTOCOL_LEN);
  s.replies = u16(changetype<usize>(pbuf.enqueue(changetype<Pbuf | null>(usize(s.replies)), frame)));
  s.replyCount++;
  if (!(lcp.fsm().pending | ipcp.fsm().pending)) s.earlier = s.replyCount;
}

function ourRequest(protocol: u32, f: Fsm, code: u32): Pbuf | null {
  const frame = packet.create(protocol, code, f.id);
  if (!frame) return null;
  if (protocol == packet.LCP) lcp.addOptions(frame);
  else ipcp.addOptions(frame);
  return frame;
}

/** An answer carries the identifier of the request it answers. */
function isAnswer(f: Fsm, frame: Pbuf): bool {
  return packet.get8(frame, ID_AT) == f.id;
}

/** An Ack must repeat our options exactly (section 5.2); they are written anew to compare. */
function isOurRequest(protocol: u32, f: Fsm, ack: Pbuf): bool {
  const ours = ourRequest(protocol, f, packet.CONFIGURE_ACK);
  if (!ours) return false;
  let same = ours.length == ack.totalLength;
  for (let at: u32 = 0; same && at < ours.length; at++) same = packet.get8(ours, at) == packet.get8(ack, at);
  pbuf.give(ours);
  return same;
}

function finish(frame: Pbuf, actions: u32): u32 {
  pbuf.give(frame);
  return actions;
}

function discard(frame: Pbuf): u32 {
  return finish(frame, 0);
}

function state(): ControlState {
  return changetype<ControlState>(STATE);
}
