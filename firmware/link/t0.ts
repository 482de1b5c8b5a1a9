// The card's side of ISO 7816-3, protocol T=0, character by character. The reader commands, the card answers:
//
//   reader   CLA INS P1 P2 P3            data (P3 bytes)
//   card                      ACK = INS                   SW1 SW2      incoming: takeData(), answer()
//   card                      ACK = INS data      SW1 SW2              outgoing: sendData(), put() .., answer()
//   card                      SW1 SW2                                  answer() straight away
//
// Whether data come or go only the layer above knows: it is asked twice, after the header and after the data
// (isAsked). While it thinks, timer() sends NULL, so that the reader's work waiting time does not run out.
//
// No character of a reader's does harm: what comes when it is not the reader's turn is ignored, and a command that stops
// halfway is forgotten after a silence. All that is sent leaves through poll(), as the line takes it.
import * as pins from "../chip/pins.ts";
import { T0, T0_BYTES } from "../chip/ram-map.ts";

// Phases.
const SEND_ATR: u8 = 0;
const EXPECT_HEADER: u8 = 1;
const EXPECT_PPS: u8 = 2;
const SEND_PPS: u8 = 3;
/** The header stands, the layer above is asked. */
const HEADER_READY: u8 = 4;
const ACK_INCOMING: u8 = 5;
const EXPECT_DATA: u8 = 6;
const ACK_OUTGOING: u8 = 7;
const SEND_DATA: u8 = 8;
/** All data have come or gone, the layer above is asked for the status. */
const EXPECT_STATUS: u8 = 9;
const SEND_SW1: u8 = 10;
const SEND_SW2: u8 = 11;

const HEADER_LEN: u32 = 5;
/** PPSS: the "class" that asks for other parameters instead of commanding. */
const PPSS: u32 = 0xff;
/** Procedure byte: please wait. */
const NULL: u32 = 0x60;
const SW_INVALID_INS: u32 = 0x6d00;

/** Fi = 512, Di = 64: 446,400 bit/s at 3.57 MHz. */
const TA1: u8 = 0x97;
/** The value of TA1 that every reader starts with. */
const TA1_DEFAULT: u8 = 0x11;

/** Answer to Reset: direct convention, TA1, T=0 only, seven historical bytes, "netcard". */
// prettier-ignore
const ATR: usize = memory.data<u8>([0x3b, 0x17, TA1, 0x6e, 0x65, 0x74, 0x63, 0x61, 0x72, 0x64]);
const ATR_LEN: u32 = 10;

/** In calls of timer(), 100 ms or so each: half of the work waiting time; a silence after which a command is over. */
const NULL_TICKS: u32 = 5;
const SILENCE_TICKS: u32 = 50;

/** What receive() returns for a character that is no data. */
export const NO_DATA: i32 = -1;

@final
@unmanaged
class T0State {
  /** CLA INS P1 P2 P3, or a PPS of at most six bytes. */
  header: u64;
  /** Bytes of data still to come or to go. */
  left: u16;
  /** The status to be sent, 0: to be asked for. */
  status: u16;
  phase: u8;
  /** Bytes of the header that have come; bytes of the ATR or PPS that have gone. */
  count: u8;
  /** Calls of timer() since something happened. */
  ticks: u8;
}

/** The ATR is sent by the next poll(). RAM is zero before. */
export function powerOn(): void {
  if (offsetof<T0State>() > T0_BYTES) ERROR("T0State does not fit T0_BYTES");
  state().phase = SEND_ATR;
}

/** The receive interrupt. @returns the byte when it is data of the command, else NO_DATA */
export function receive(byte: u32): i32 {
  const s = state();
  s.ticks = 0;
  switch (s.phase) {
    case EXPECT_HEADER:
      headerByte(s, byte);
      break;
    case EXPECT_PPS:
      ppsByte(s, byte);
      break;
    case EXPECT_DATA:
      if (--s.left == 0) s.phase = EXPECT_STATUS;
      return byte;
  }
  return NO_DATA;
}

/** The timer interrupt, every 100 ms or so. */
export function timer(): void {
  const s = state();
  if (++s.ticks >= NULL_TICKS && isAsked()) {
    s.ticks = 0;
    pins.linkWrite(NULL);
  }
  if (s.ticks < SILENCE_TICKS) return;
  s.ticks = 0;
  if (s.phase == EXPECT_PPS || s.phase == EXPECT_DATA) s.phase = EXPECT_HEADER;
  if (s.phase == EXPECT_HEADER) s.count = 0;
}

/** Sends what the line takes. */
export function poll(): void {
  const s = state();
  while (isSending(s) && pins.linkWrite(nextByte(s))) {
    s.ticks = 0;
    sent(s);
  }
}

/** True when no more than a header can come: the last command has been answered. */
export function isBetween(): bool {
  return state().phase == EXPECT_HEADER;
}

/** True when the layer above is to say what happens next: takeData(), sendData() or answer(). */
export function isAsked(): bool {
  const phase = state().phase;
  return phase == HEADER_READY || phase == EXPECT_STATUS;
}

/** True when only the header stands, false when the data have come or gone. */
export function isHeader(): bool {
  return state().phase == HEADER_READY;
}

export function cla(): u32 {
  return headerAt(0);
}
export function ins(): u32 {
  return headerAt(1);
}
export function p1(): u32 {
  return headerAt(2);
}
export function p2(): u32 {
  return headerAt(3);
}
export function p3(): u32 {
  return headerAt(4);
}
/** Bytes that an outgoing command asks for: P3, where 0 means 256. */
export function le(): u32 {
  return p3() || 256;
}

/** Lets the P3 bytes of data come; P3 is not 0. */
export function takeData(): void {
  const s = state();
  s.left = u16(p3());
  s.phase = ACK_INCOMING;
}

/** Sends `length` bytes of data, as many as the reader expects; put() takes them. @param sw status after them, 0: ask then */
export function sendData(length: u32, sw: u32): void {
  const s = state();
  s.left = u16(length);
  s.status = u16(sw);
  s.phase = ACK_OUTGOING;
}

/** True when put() is to be given a byte. */
export function wantsByte(): bool {
  return state().phase == SEND_DATA;
}

/** Sends one byte of data. @returns false when the line does not take it yet */
export function put(byte: u32): bool {
  const s = state();
  if (!pins.linkWrite(byte)) return false;
  if (--s.left == 0) s.phase = s.status ? SEND_SW1 : EXPECT_STATUS;
  return true;
}

/** Ends the command with a status word, 6xxx or 9xxx. */
export function answer(sw: u32): void {
  const s = state();
  s.status = u16(sw);
  s.phase = SEND_SW1;
}

function headerByte(s: T0State, byte: u32): void {
  setHeader(s.count++, byte);
  if (s.count == 1 && byte == PPSS) s.phase = EXPECT_PPS;
  if (s.count < HEADER_LEN) return;
  s.phase = HEADER_READY;
  // As procedure bytes these instructions would be status words.
  if ((ins() & 0xf0) == 0x60 || (ins() & 0xf0) == 0x90) answer(SW_INVALID_INS);
}

/** PPSS PPS0 [PPS1] [PPS2] [PPS3] PCK: PPS0 tells which are there, PCK makes the exclusive-or 0 (ISO 7816-3, 9.2). */
function ppsByte(s: T0State, byte: u32): void {
  setHeader(s.count++, byte);
  const pps0 = headerAt(1);
  if (s.count < 3 + popcnt((pps0 >> 4) & 7)) return;
  let check: u32 = 0;
  for (let i: u32 = 0; i < s.count; i++) check ^= headerAt(i);
  s.count = 0;
  s.phase = EXPECT_HEADER;
  if (check != 0 || (pps0 & 15) != 0) return; // no answer: the reader resets
  const speed = pps0 & 0x10 ? headerAt(2) : 0;
  const granted = speed == TA1 || speed == TA1_DEFAULT;
  // PPS1 comes back when it is granted; PPS2 and PPS3 never.
  setHeader(1, granted ? 0x10 : 0);
  if (granted) setHeader(3, PPSS ^ 0x10 ^ speed);
  else setHeader(2, PPSS);
  s.left = granted ? 4 : 3;
  s.phase = SEND_PPS;
}

function isSending(s: T0State): bool {
  switch (s.phase) {
    case SEND_ATR:
    case SEND_PPS:
    case ACK_INCOMING:
    case ACK_OUTGOING:
    case SEND_SW1:
    case SEND_SW2:
      return true;
    default:
      return false;
  }
}

function nextByte(s: T0State): u32 {
  switch (s.phase) {
    case SEND_ATR:
      return load<u8>(ATR + s.count);
    case SEND_PPS:
      return headerAt(s.count);
    case SEND_SW1:
      return s.status >> 8;
    case SEND_SW2:
      return s.status & 0xff;
    default:
      return ins(); // the ACK
  }
}

function sent(s: T0State): void {
  switch (s.phase) {
    case SEND_ATR:
      if (++s.count == ATR_LEN) expectHeader(s);
      break;
    case SEND_PPS:
      if (++s.count == s.left) expectHeader(s);
      break;
    case ACK_INCOMING:
      s.phase = EXPECT_DATA;
      break;
    case ACK_OUTGOING:
      s.phase = SEND_DATA;
      break;
    case SEND_SW1:
      s.phase = SEND_SW2;
      break;
    case SEND_SW2:
      expectHeader(s);
      break;
  }
}

function expectHeader(s: T0State): void {
  s.phase = EXPECT_HEADER;
  s.count = 0;
}

function headerAt(index: u32): u32 {
  return load<u8>(T0 + index);
}

function setHeader(index: u32, byte: u32): void {
  store<u8>(T0 + index, byte);
}

function state(): T0State {
  return changetype<T0State>(T0);
}
