// The link alone, wired twice: CARD = 1 on ISO 7816 T=0, CARD = 0 on a serial line. IP packets are echoed, commands
// answered with their own data.
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import { Pbuf } from "../../firmware/buffer/pbuf.ts";
import * as clock from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as ahdlc from "../../firmware/link/ahdlc.ts";
import * as apdu from "../../firmware/link/apdu.ts";
import * as iso7816 from "../../firmware/link/iso7816.ts";
import * as auth from "../../firmware/link/ppp/auth.ts";
import * as automaton from "../../firmware/link/ppp/fsm.ts";
import * as lcp from "../../firmware/link/ppp/lcp.ts";
import * as ppp from "../../firmware/link/ppp/ppp.ts";
import * as serial from "../../firmware/link/serial.ts";

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  if (CARD) iso7816.powerOn();
  else serial.powerOn();
  ppp.powerOn();
  ppp.open(clock.now());
}
export function receive(byte: u32): void {
  if (CARD) iso7816.receive(byte);
  else serial.receive(byte);
}
export function timer(): void {
  if (CARD) iso7816.timer();
}
export function step(): u32 {
  const now = clock.now();
  if (CARD && apdu.ready()) command();
  for (let frame = ahdlc.takeFrame(); frame; frame = ahdlc.takeFrame()) {
    const packet = ppp.input(frame, now);
    if (packet && !ppp.output(packet)) pbuf.give(packet);
  }
  let wait = ppp.poll(now);
  if (CARD) while (iso7816.poll()) wait = ppp.poll(now);
  else if (serial.poll()) wait = 0;
  return wait;
}

function command(): void {
  if (apdu.cla() == 0x80) {
    if (apdu.ins() == 0xca) apdu.respondData(apdu.p1() || 256, 0x9000);
    else if (apdu.lc()) apdu.respondData(apdu.lc(), 0x9000);
    else apdu.respond(0x9000);
  } else apdu.respond(0x6e00);
}

/** Sends an IP packet made of `length` counting bytes. @returns 1 when taken */
export function transmit(length: u32): u32 {
  if (!ppp.canSend()) return 0;
  const head = pbuf.take(2);
  if (!head) return 0;
  let tail: Pbuf | null = head;
  for (let i: u32 = 0; i < length && tail; i++) tail = pbuf.append(head, tail, i);
  if (tail && ppp.output(head)) return 1;
  pbuf.give(head);
  return 0;
}
export function follow(): void {
  ppp.follow();
}
export function close(): void {
  ppp.close(clock.now());
}
export function isUp(): u32 {
  return u32(ppp.isUp());
}
export function localAddress(): u32 {
  return ppp.localAddress();
}
export function peerAddress(): u32 {
  return ppp.peerAddress();
}
export function peerMru(): u32 {
  return ppp.peerMru();
}
export function dnsServer(): u32 {
  return ppp.dnsServer();
}
export function freePbufs(): u32 {
  return pbuf.freeCount();
}
export function badFrames(): u32 {
  return ahdlc.badFrames();
}
export function lostFrames(): u32 {
  return ahdlc.lostFrames();
}
export function pendingBytes(): u32 {
  return ahdlc.pendingBytes(0xffff);
}

// AHDLC and the automaton by themselves.

/** @returns the next received frame, 0: none */
export function takeFrame(): usize {
  return changetype<usize>(ahdlc.takeFrame());
}
export function lostBefore(): u32 {
  return u32(ahdlc.lostBefore());
}
export function lengthOf(frame: usize): u32 {
  return changetype<Pbuf>(frame).totalLength;
}
export function byteOf(frame: usize, at: u32): u32 {
  return pbuf.byteAt(changetype<Pbuf>(frame), at);
}
export function give(frame: usize): void {
  pbuf.give(changetype<Pbuf>(frame));
}
/** @returns an empty frame, 0: none */
export function createFrame(): usize {
  return changetype<usize>(pbuf.take());
}
/** @returns 1 when the byte was appended */
export function appendByte(frame: usize, byte: u32): u32 {
  let last = changetype<Pbuf>(frame);
  while (last.next) last = last.next!;
  return u32(pbuf.append(changetype<Pbuf>(frame), last, byte) != null);
}
export function sendFrame(frame: usize): u32 {
  return u32(ahdlc.send(changetype<Pbuf>(frame)));
}
export function nextByte(): u32 {
  return ahdlc.next();
}
export function receiveByte(byte: u32): void {
  ahdlc.receive(byte);
}
export function setSendOptions(accm: u32, compression: u32): void {
  ahdlc.setSendOptions(accm, compression);
}
export function setReceiveAccm(accm: u32): void {
  ahdlc.setReceiveAccm(accm);
}
/** Name and secret, at an address of the test's. */
export function setCredentials(at: usize, nameLen: u32, secretLen: u32): void {
  if (PPP_AUTH) auth.setCredentials(at, nameLen, at + nameLen, secretLen);
}
/** Address of LCP's automaton, for its state to be set and seen. */
export function lcpFsm(): usize {
  return changetype<usize>(lcp.fsm());
}
/** An event that no packet brings. @returns its actions */
export function lcpEvent(event: u32): u32 {
  return automaton.event(lcp.fsm(), event, clock.now());
}
