// HDLC-like framing, RFC 1662: octet-stuffed frames between the line's bytes and packet buffers.
//
//   FLAG  address control  protocol  information ..  FCS (low, high)  FLAG
//   7E    FF      03       2 bytes                                    7E
//
// Received bytes are unstuffed in the receive interrupt, straight into pbufs that every layer above works in (seed
// [161], [167]-[173]): the "in pointer" is the end of the chain. Address, control and FCS never reach the layers above,
// and a compressed protocol field is stored expanded. Frames are transmitted from their pbufs, byte by byte as the line
// asks for them (seed [174]); a second cursor runs ahead to tell how many bytes are still to come.
//
// LCP's frames go out as if no option had been negotiated (RFC 1662 section 7), with a flag at either end; all others
// share the flag with the frame before.
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { AHDLC, AHDLC_BYTES } from "../chip/ram-map.ts";

const FLAG: u32 = 0x7e;
const ESCAPE: u32 = 0x7d;
const FLIP: u32 = 0x20;
const ADDRESS: u32 = 0xff;
const CONTROL: u32 = 0x03;
const LCP: u32 = 0xc021;

const PROTOCOL_LEN: u32 = 2;
const FCS_LEN: u32 = 2;
const FCS_INITIAL: u32 = 0xffff;
/** What a frame's FCS comes to when its own FCS field is included (RFC 1662 appendix C.2). */
const FCS_GOOD: u32 = 0xf0b8;

/** All control characters are escaped until LCP agrees on less. */
export const DEFAULT_ACCM: u32 = 0xffffffff;

/** Room before a received frame's payload, so that a Protocol-Reject can be made of it: code, id, length, protocol. */
export const REPLY_ROOM: u32 = 6;
/** Room before a frame with a compressed header, so that the header can be rebuilt in its place. */
export const VJ_ROOM: u32 = 35;
/** The protocol field, compressed, of such a frame (RFC 1332 section 4). */
const COMPRESSED_TCP: u32 = 0x2d;

// Which frames were lost: before the one being received, before the one taken last.
const GAP_NOW: u32 = 1;
const GAP_TAKEN: u32 = 2;

// What the receiver expects. The rest of a frame that can't be good is hunted through to its flag.
const EXPECT_ADDRESS: u8 = 0;
const EXPECT_CONTROL: u8 = 1;
const EXPECT_PROTOCOL: u8 = 2;
const EXPECT_DATA: u8 = 3;
const HUNT_FLAG: u8 = 4;

// What the sender sends next.
const OPENING_FLAG: u8 = 0;
const SEND_ADDRESS: u8 = 1;
const SEND_CONTROL: u8 = 2;
const SEND_DATA: u8 = 3;
const SEND_FCS_LOW: u8 = 4;
const SEND_FCS_HIGH: u8 = 5;
const CLOSING_FLAG: u8 = 6;
const DONE: u8 = 7;

/** The place in a frame that is being sent. */
@final
@unmanaged
class Cursor {
  pbuf: u16;
  /** Of the pbuf's bytes. */
  offset: u16;
  fcs: u16;
  phase: u8;
  /** The flipped byte that follows an escape, 0: none. */
  flipped: u8;
}

@final
@unmanaged
class AhdlcState {
  sendAccm: u32;
  receiveAccm: u32;
  /** The frame being received, and its last pbuf. */
  head: u16;
  tail: u16;
  fcs: u16;
  expect: u8;
  escaped: u8;
  /** Good frames that nobody has taken yet, a queue. */
  ready: u16;
  /** The frame being sent. */
  sending: u16;
  /** ACFC | PFC | SILENT | PLAIN | FOLLOWED */
  flags: u8;
  badFrames: u8;
  lostFrames: u8;
  /** GAP_NOW | GAP_TAKEN */
  gap: u8;
}

/** Compression of the sent address and control fields, of the sent protocol field: bits of setSendOptions(). */
export const ACFC: u32 = 1;
export const PFC: u32 = 2;
/** Flags of ours: the line has not yet seen one of our frames; the frame being sent goes without options, or has a next. */
const SILENT: u32 = 4;
const PLAIN: u32 = 8;
const FOLLOWED: u32 = 16;

const CURSOR: usize = AHDLC + offsetof<AhdlcState>();
const SCOUT: usize = CURSOR + offsetof<Cursor>();

/** Nothing sent, nothing received, the default options. RAM is zero before. */
export function powerOn(): void {
  if (offsetof<AhdlcState>() + 2 * offsetof<Cursor>() > AHDLC_BYTES)
    ERROR("AhdlcState does not fit AHDLC_BYTES");
  const s = state();
  s.flags = u8(SILENT);
  s.fcs = u16(FCS_INITIAL);
  setSendOptions(DEFAULT_ACCM, 0);
  setReceiveAccm(DEFAULT_ACCM);
}

/**
 * How frames other than LCP's are sent.
 * @param accm control characters that the peer wants escaped, bit 0 for 00 @param compression ACFC | PFC
 */
export function setSendOptions(accm: u32, compression: u32): void {
  const s = state();
  s.sendAccm = accm;
  s.flags = u8((s.flags & (SILENT | PLAIN)) | compression);
}

/** Control characters that only the line can have inserted, and which are dropped (RFC 1662 section 7.1). */
export function setReceiveAccm(accm: u32): void {
  state().receiveAccm = accm;
}

/** Frames dropped: wrong FCS, too short, aborted. Stays at 255. */
export function badFrames(): u32 {
  return state().badFrames;
}

/** Frames dropped: longer than LINK_MRU, or the pool was empty. Stays at 255. */
export function lostFrames(): u32 {
  return state().lostFrames;
}

/** The receive interrupt: one byte from the line. */
export function receive(byte: u32): void {
  const s = state();
  if (byte == FLAG) return endFrame(s);
  if (byte < 0x20 && (s.receiveAccm >> byte) & 1) return;
  if (byte == ESCAPE) {
    s.escaped = 1;
    return;
  }
  const octet = s.escaped ? byte ^ FLIP : byte;
  s.escaped = 0;
  s.fcs = u16(fcs16(s.fcs, octet));
  switch (s.expect) {
    case EXPECT_ADDRESS:
      if (octet == ADDRESS) s.expect = EXPECT_CONTROL;
      else startData(s, octet);
      break;
    case EXPECT_CONTROL:
      s.expect = octet == CONTROL ? EXPECT_PROTOCOL : HUNT_FLAG;
      if (octet != CONTROL) countBad(s);
      break;
    case EXPECT_PROTOCOL:
      startData(s, octet);
      break;
    case EXPECT_DATA:
      keep(s, octet);
      break;
  }
}

/** @returns the next good frame, payload at its two-byte protocol field; the caller owns it. null: none */
export function takeFrame(): Pbuf | null {
  const s = state();
  const frame = at(s.ready);
  if (!frame) return frame;
  s.ready = addressOf(pbuf.dequeue(frame));
  s.gap = u8((s.gap & GAP_NOW) | u32(load<u8>(frame.payload - 1)));
  return frame;
}

/** True when a frame was lost between the one that was taken last and the one taken before it. */
export function lostBefore(): bool {
  return (state().gap & GAP_TAKEN) != 0;
}

/** True when takeFrame() would give a frame. */
export function hasFrame(): bool {
  return state().ready != 0;
}

/** True while a frame is being sent. */
export function isSending(): bool {
  return state().sending != 0;
}

/**
 * Starts sending a frame.
 * @param frame payload at the two-byte protocol field; ours from now on if the result is true
 * @returns false when another frame is being sent
 */
export function send(frame: Pbuf): bool {
  const s = state();
  if (s.sending) return false;
  s.sending = addressOf(frame);
  const plain = ((pbuf.byteAt(frame, 0) << 8) | pbuf.byteAt(frame, 1)) == LCP;
  const cursor = cursorAt(CURSOR);
  cursor.pbuf = s.sending;
  cursor.offset = u16(!plain && (s.flags & PFC) != 0 && pbuf.byteAt(frame, 0) == 0);
  cursor.fcs = u16(FCS_INITIAL);
  cursor.flipped = 0;
  cursor.phase = plain || s.flags & SILENT ? OPENING_FLAG : afterFlag(s.flags);
  s.flags = u8((s.flags & (ACFC | PFC)) | (plain ? PLAIN : 0));
  return true;
}

/** The sender has another frame, to be built when the one being sent has left. */
export function follow(): void {
  state().flags |= u8(FOLLOWED);
}

/** @returns the encoded bytes that are there to be sent, at most `limit`: of the frame being sent and of those that follow */
export function pendingBytes(limit: u32): u32 {
  const s = state();
  if (!s.sending) return 0;
  if (s.flags & FOLLOWED) return limit;
  const scout = cursorAt(SCOUT);
  memory.copy(SCOUT, CURSOR, offsetof<Cursor>());
  let count: u32 = 0;
  while (count < limit && scout.phase != DONE) {
    encode(s, scout);
    count++;
  }
  return count;
}

/** @returns the next encoded byte of the frame being sent; a flag when there is none. It stays the next one. */
export function peek(): u32 {
  const s = state();
  if (!s.sending) return FLAG;
  memory.copy(SCOUT, CURSOR, offsetof<Cursor>());
  return encode(s, cursorAt(SCOUT));
}

/** The line has taken what peek() told last. The frame is given up after its last byte. */
export function advance(): void {
  const s = state();
  if (!s.sending) return;
  memory.copy(CURSOR, SCOUT, offsetof<Cursor>());
  if (cursorAt(CURSOR).phase != DONE) return;
  pbuf.give(at(s.sending));
  s.sending = 0;
}

/** peek() and advance(), for a line that always takes a byte. */
export function next(): u32 {
  const byte = peek();
  advance();
  return byte;
}

/** A flag ends a frame, and begins one. */
function endFrame(s: AhdlcState): void {
  const head = at(s.head);
  const aborted = s.escaped != 0;
  if (head) {
    const length = head.totalLength;
    if (aborted || s.fcs != FCS_GOOD || length < PROTOCOL_LEN + FCS_LEN) {
      countBad(s);
      pbuf.give(head);
    } else {
      pbuf.trimTail(head, length - FCS_LEN);
      store<u8>(head.payload - 1, s.gap & GAP_NOW ? GAP_TAKEN : 0);
      s.gap &= u8(GAP_TAKEN);
      s.ready = addressOf(pbuf.enqueue(at(s.ready), head));
    }
  }
  s.head = 0;
  s.escaped = 0;
  s.fcs = u16(FCS_INITIAL);
  s.expect = EXPECT_ADDRESS;
}

/**
 * The first byte of the protocol field: odd when the field is compressed to this one (RFC 1661 section 6.5). A zero is
 * what compression leaves out; it is skipped, for the room to take depends on what follows.
 */
function startData(s: AhdlcState, octet: u32): void {
  if (octet == 0) {
    s.expect = EXPECT_PROTOCOL;
    return;
  }
  const p = pbuf.take(octet == COMPRESSED_TCP ? VJ_ROOM : REPLY_ROOM);
  if (!p) return drop(s);
  s.head = addressOf(p);
  s.tail = s.head;
  s.expect = EXPECT_DATA;
  if (octet & 1) keep(s, 0);
  keep(s, octet);
}

function keep(s: AhdlcState, octet: u32): void {
  const head = at(s.head)!;
  if (head.totalLength >= PROTOCOL_LEN + LINK_MRU + FCS_LEN) return drop(s);
  const tail = pbuf.append(head, at(s.tail)!, octet);
  if (!tail) return drop(s);
  s.tail = addressOf(tail);
}

/** Gives up the frame that is being received. */
function drop(s: AhdlcState): void {
  if (s.lostFrames != 255) s.lostFrames++;
  s.gap |= u8(GAP_NOW);
  pbuf.give(at(s.head));
  s.head = 0;
  s.expect = HUNT_FLAG;
}

function countBad(s: AhdlcState): void {
  if (s.badFrames != 255) s.badFrames++;
  s.gap |= u8(GAP_NOW);
}

/** Advances a cursor by one encoded byte. @returns that byte */
function encode(s: AhdlcState, c: Cursor): u32 {
  if (c.flipped) {
    const flipped = c.flipped;
    c.flipped = 0;
    return flipped;
  }
  switch (c.phase) {
    case OPENING_FLAG:
      c.phase = afterFlag(s.flags);
      return FLAG;
    case SEND_ADDRESS:
      c.phase = SEND_CONTROL;
      return covered(s, c, ADDRESS);
    case SEND_CONTROL:
      c.phase = SEND_DATA;
      return covered(s, c, CONTROL);
    case SEND_DATA:
      return covered(s, c, nextOctet(c));
    case SEND_FCS_LOW:
      c.phase = SEND_FCS_HIGH;
      return stuff(s, c, ~c.fcs & 0xff);
    case SEND_FCS_HIGH:
      c.phase = CLOSING_FLAG;
      return stuff(s, c, ~(c.fcs >> 8) & 0xff);
    default:
      c.phase = DONE;
      return FLAG;
  }
}

function afterFlag(flags: u32): u8 {
  return (flags & (ACFC | PLAIN)) == ACFC ? SEND_DATA : SEND_ADDRESS;
}

/** Steps over the pbufs of a frame. */
function nextOctet(c: Cursor): u32 {
  let p = at(c.pbuf)!;
  const octet = load<u8>(p.payload + c.offset);
  c.offset++;
  while (c.offset >= p.length) {
    const next = p.nextInPacket;
    if (!next) {
      c.phase = SEND_FCS_LOW;
      break;
    }
    c.offset -= u16(p.length);
    c.pbuf = addressOf(next);
    p = next;
  }
  return octet;
}

/** An octet that the FCS covers. */
function covered(s: AhdlcState, c: Cursor, octet: u32): u32 {
  c.fcs = u16(fcs16(c.fcs, octet));
  return stuff(s, c, octet);
}

/** @returns the octet, or ESCAPE before its flipped form */
function stuff(s: AhdlcState, c: Cursor, octet: u32): u32 {
  const accm = s.flags & PLAIN ? DEFAULT_ACCM : s.sendAccm;
  const escaped = octet < 0x20 ? ((accm >> octet) & 1) != 0 : octet == FLAG || octet == ESCAPE;
  if (!escaped) return octet;
  c.flipped = u8(octet ^ FLIP);
  return ESCAPE;
}

/** The FCS of RFC 1662 appendix C (x^16 + x^12 + x^5 + 1, reflected) over one more octet, without a table. */
function fcs16(fcs: u32, octet: u32): u32 {
  let x = (fcs ^ octet) & 0xff;
  x ^= (x << 4) & 0xff;
  return (fcs >> 8) ^ (x << 8) ^ (x << 3) ^ (x >> 4);
}

function at(address: u16): Pbuf | null {
  return changetype<Pbuf | null>(usize(address));
}

function addressOf(p: Pbuf | null): u16 {
  return u16(changetype<usize>(p));
}

function state(): AhdlcState {
  return changetype<AhdlcState>(AHDLC);
}

function cursorAt(address: usize): Cursor {
  return changetype<Cursor>(address);
}
