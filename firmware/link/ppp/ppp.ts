// The Point-to-Point Protocol, RFC 1661: LCP below, IPCP (RFC 1332) once that is Opened, then IP packets, their headers
// compressed where IPCP has agreed on it. All that is not for LCP, IPCP or IP is answered by a Protocol-Reject.
//
// The link mends itself: a peer that falls silent, terminates or restarts leaves LCP Stopped, or starts it anew by its
// Configure-Request; from Stopped we try again after a while. The Restart timer runs from the moment that the link has
// taken the request, for a half-duplex link takes nothing until its server polls.
import * as pbuf from "../../buffer/pbuf.ts";
import { Pbuf } from "../../buffer/pbuf.ts";
import { FOREVER, Millis, until } from "../../chip/clock.ts";
import { PPP, PPP_BYTES } from "../../chip/ram-map.ts";
import * as ahdlc from "../ahdlc.ts";
import * as auth from "./auth.ts";
import * as control from "./control.ts";
import { CONTROL_END } from "./control.ts";
import * as automaton from "./fsm.ts";
import { Fsm } from "./fsm.ts";
import * as ipcp from "./ipcp.ts";
import * as lcp from "./lcp.ts";
import * as packet from "./packet.ts";
import { DATA_AT, PROTOCOL_LEN } from "./packet.ts";
import * as vj from "./vj.ts";

/** From giving up to the next attempt, ms. */
const RETRY_MS: Millis = 5000;
/** From an Echo-Request that nobody answers to the next, ms, and how many before the peer is taken for gone. */
const ECHO_RETRY_MS: Millis = 3000;
const MAX_ECHOES: u8 = 3;
/** When the pool was empty, ms. */
const NO_BUFFER_MS: Millis = 10;

/** LCP and IPCP to Initial. RAM is zero before; ahdlc has its own powerOn(). */
export function powerOn(): void {
  if (CONTROL_END > PPP + PPP_BYTES) ERROR("the state of PPP does not fit PPP_BYTES");
  if (ahdlc.VJ_ROOM + PROTOCOL_LEN < vj.HEADROOM) ERROR("VJ_ROOM is too small to rebuild a header in");
  vj.powerOn();
  if (PPP_AUTH) auth.powerOn();
  lcp.start();
  ipcp.start();
}

/** Starts negotiating: an administrative Open, and the lower layer Up. */
export function open(now: Millis): void {
  automaton.event(ipcp.fsm(), automaton.OPEN, now);
  automaton.event(lcp.fsm(), automaton.OPEN, now);
  automaton.event(lcp.fsm(), automaton.UP, now);
}

/** Terminates the link: an administrative Close. */
export function close(now: Millis): void {
  lcpEvent(automaton.CLOSE, now);
}

/**
 * A frame of ahdlc.takeFrame(), payload at the protocol field; takes ownership.
 * @returns an IP packet, payload at its header, which the caller now owns; null when PPP kept the frame
 */
export function input(frame: Pbuf, now: Millis): Pbuf | null {
  if (ahdlc.lostBefore()) vj.lost();
  if (LCP_ECHO_MS && lcp.fsm().state == automaton.OPENED) heard(now);
  const protocol = packet.get16(frame, 0);
  if (isIp(protocol)) return ipInput(protocol, frame);
  const open = lcp.fsm().state == automaton.OPENED;
  if (protocol == packet.LCP) lcpInput(frame, now);
  else if (!open) pbuf.give(frame);
  else if (PPP_AUTH && (protocol == packet.PAP || protocol == packet.CHAP)) {
    if (auth.input(protocol, frame, now)) openNetwork(now);
  } else if (protocol == packet.IPCP) finish(ipcp.fsm(), control.input(protocol, frame, now), now);
  else control.rejectProtocol(frame);
  return null;
}

/** Timers, and control packets when the link is idle. @returns ms until it wants to be called again */
export function poll(now: Millis): Millis {
  let wait = min(pollTimer(lcp.fsm(), now), pollTimer(ipcp.fsm(), now));
  if (PPP_AUTH) wait = min(wait, auth.poll(now));
  if (control.isPending() && !ahdlc.isSending() && !control.send()) wait = NO_BUFFER_MS;
  return wait;
}

/** Sends one pending control packet when the link is idle. @returns whether it did */
export function dispatch(): bool {
  return control.isPending() && !ahdlc.isSending() && control.send();
}

/**
 * Sends an IP packet (payload at its header, 2 bytes of room before it).
 * @returns false when the link is busy or down: then the caller still owns it
 */
export function output(ip: Pbuf): bool {
  if (!canSend()) return false;
  const protocol = vj.compress(ip);
  pbuf.prepend(ip, PROTOCOL_LEN);
  packet.put16(ip, 0, protocol);
  return ahdlc.send(ip);
}

/** The packet that output() took last will have a successor as soon as the link has sent it: see ahdlc.pendingBytes(). */
export function follow(): void {
  ahdlc.follow();
}

/** True while IP packets can travel: IPCP Opened. */
export function isUp(): bool {
  return ipcp.fsm().state == automaton.OPENED;
}

/** True when output() would take a packet now. */
export function canSend(): bool {
  return isUp() && !ahdlc.isSending() && !control.isPending();
}

/** Our IPv4 address, host order; 0 until assigned. */
export function localAddress(): u32 {
  return ipcp.localAddress();
}

/** The peer's IPv4 address, host order; 0 when it has not said. */
export function peerAddress(): u32 {
  return ipcp.peerAddress();
}

/** Address of the name server that the peer told us, host order; 0 when it has told none (RFC 1877). */
export function dnsServer(): u32 {
  return ipcp.dnsServer();
}

/** Longest IP packet that the peer takes, bytes. */
export function peerMru(): u32 {
  return lcp.peerMru();
}

function isIp(protocol: u32): bool {
  return protocol == vj.IP || protocol == vj.COMPRESSED_TCP || protocol == vj.UNCOMPRESSED_TCP;
}

/** What comes too early or too late is dropped in silence. */
function ipInput(protocol: u32, frame: Pbuf): Pbuf | null {
  if (!isUp()) {
    pbuf.give(frame);
    return null;
  }
  const ip = pbuf.trimHead(frame, PROTOCOL_LEN);
  return protocol == vj.IP ? ip : vj.uncompress(protocol, ip);
}

/** LCP's own packets; a Protocol-Reject is the one that concerns another layer too (section 5.7). */
function lcpInput(frame: Pbuf, now: Millis): void {
  const opened = lcp.fsm().state == automaton.OPENED;
  const isReject =
    frame.totalLength >= DATA_AT + PROTOCOL_LEN &&
    packet.get8(frame, packet.CODE_AT) == packet.PROTOCOL_REJECT;
  if (!isReject) return finish(lcp.fsm(), control.input(packet.LCP, frame, now), now);
  const rejected = packet.get16(frame, DATA_AT);
  pbuf.give(frame);
  if (!opened) return;
  if (rejected == packet.IPCP) finish(ipcp.fsm(), automaton.event(ipcp.fsm(), automaton.RXJ_MINUS, now), now);
  lcpEvent(rejected == packet.LCP ? automaton.RXJ_MINUS : automaton.RXJ_PLUS, now);
}

function lcpEvent(event: u32, now: Millis): void {
  finish(lcp.fsm(), automaton.event(lcp.fsm(), event, now), now);
}

/** Carries out the actions that concern other layers. */
function finish(f: Fsm, actions: u32, now: Millis): void {
  if (actions & automaton.TLF) f.deadlineMs = now + RETRY_MS;
  if (f != lcp.fsm()) {
    if (actions & automaton.TLU) vj.open(ipcp.peerSlots(), ipcp.peerOmitsId());
    return;
  }
  if (actions & automaton.TLD) {
    lcp.revert();
    if (PPP_AUTH) auth.stop();
    automaton.event(ipcp.fsm(), automaton.DOWN, now);
  }
  if (actions & automaton.TLU) {
    lcp.apply();
    if (LCP_ECHO_MS) heard(now);
    if (PPP_AUTH && lcp.authentication()) auth.start(lcp.authentication(), now);
    else openNetwork(now);
  }
}

/** LCP is Opened, and the peer knows who we are if it wanted to. */
function openNetwork(now: Millis): void {
  ipcp.start();
  automaton.event(ipcp.fsm(), automaton.UP, now);
}

function pollTimer(f: Fsm, now: Millis): Millis {
  if (LCP_ECHO_MS && f == lcp.fsm() && f.state == automaton.OPENED) return pollEcho(f, now);
  const timed = automaton.isTimed(f);
  if (!timed && f.state != automaton.STOPPED) return FOREVER;
  if (timed && control.isAsking(f)) f.deadlineMs = now + automaton.periodOf(f);
  const wait = until(f.deadlineMs, now);
  if (wait) return wait;
  if (timed) finish(f, automaton.event(f, f.counter ? automaton.TO_PLUS : automaton.TO_MINUS, now), now);
  else retry(f, now);
  return until(f.deadlineMs, now);
}

/** The peer is there. While LCP is Opened its Restart timer and counter are free to watch over that. */
function heard(now: Millis): void {
  const f = lcp.fsm();
  f.deadlineMs = now + LCP_ECHO_MS;
  f.counter = MAX_ECHOES;
}

/** A peer that has been silent is asked; one that does not answer is gone, and is looked for anew. */
function pollEcho(f: Fsm, now: Millis): Millis {
  const wait = until(f.deadlineMs, now);
  if (wait) return wait;
  if (f.counter) {
    f.counter--;
    f.deadlineMs = now + ECHO_RETRY_MS;
    control.askEcho();
  } else {
    finish(f, automaton.TLD, now);
    retry(f, now);
  }
  return until(f.deadlineMs, now);
}

/** Stopped for long enough: the lower layer goes Down and Up, so to speak, and everything is asked for anew. */
function retry(f: Fsm, now: Millis): void {
  if (f == lcp.fsm()) lcp.start();
  else ipcp.start();
  automaton.event(f, automaton.DOWN, now);
  automaton.event(f, automaton.UP, now);
}
