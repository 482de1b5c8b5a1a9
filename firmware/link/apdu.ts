// Commands of every class but Peer I/O's, for an application such as the personalisation. T=0 carries data one way in
// a command, and the header does not tell which: the outgoing instructions of ISO 7816-4 are listed here, the data of
// all others come. A response to one of those is fetched by GET RESPONSE:
//
//   outgoing, P3 right        ACK data SW          incoming, response data       61xx, then GET RESPONSE
//   outgoing, P3 wrong        6Cxx, and again      GET RESPONSE of less          data 61xx (what is left)
import { APDU, APDU_BYTES, APDU_STATE, APDU_STATE_BYTES } from "../chip/ram-map.ts";
import * as peerIo from "./peer-io.ts";
import * as t0 from "./t0.ts";

const READ_BINARY: u32 = 0xb0;
const READ_RECORD: u32 = 0xb2;
const GET_RESPONSE: u32 = 0xc0;
const GET_DATA: u32 = 0xca;
const GET_DATA_TLV: u32 = 0xcb;
const GET_CHALLENGE: u32 = 0x84;
const GET_STATUS: u32 = 0xf2;

const SW_MORE_DATA: u32 = 0x6100;
const SW_WRONG_LENGTH: u32 = 0x6c00;
const SW_NOTHING_THERE: u32 = 0x6985;

@final
@unmanaged
class ApduState {
  /** Where the next data byte goes to or comes from. */
  offset: u16;
  /** Bytes of a response that have not been fetched. */
  left: u16;
  /** The response's status. */
  status: u16;
}

/** Nothing to be fetched. RAM is zero before. */
export function powerOn(): void {
  if (offsetof<ApduState>() > APDU_STATE_BYTES) ERROR("ApduState does not fit APDU_STATE_BYTES");
  state().left = 0;
}

/** True when a command stands here whole, data included. Somebody must answer it: 6D00 or 6E00 if nobody knows it. */
export function ready(): bool {
  return t0.isAsked() && t0.cla() != peerIo.CLASS;
}

export function cla(): u32 {
  return t0.cla();
}
export function ins(): u32 {
  return t0.ins();
}
export function p1(): u32 {
  return t0.p1();
}
export function p2(): u32 {
  return t0.p2();
}
/** Bytes of command data, 0..255. */
export function lc(): u32 {
  return isOutgoing(t0.ins()) ? 0 : t0.p3();
}
/** Address of the command's data; the response's are put in the same place, APDU_BYTES in all. */
export function data(): usize {
  return APDU;
}

/** Answers a command that is ready() with a status word. */
export function respond(sw: u32): void {
  t0.answer(sw);
}

/** Answers a command that is ready() with data. @param length bytes at data(), 1..256 @param sw status after them */
export function respondData(length: u32, sw: u32): void {
  const s = state();
  s.offset = 0;
  if (isOutgoing(t0.ins())) {
    if (t0.le() == length) t0.sendData(length, sw);
    else t0.answer(SW_WRONG_LENGTH | (length & 0xff));
    return;
  }
  s.left = u16(length);
  s.status = u16(sw);
  t0.answer(SW_MORE_DATA | (length & 0xff));
}

/** In the receive interrupt: a header of ours stands. */
export function header(): void {
  const s = state();
  if (t0.ins() == GET_RESPONSE) return getResponse(s);
  s.left = 0;
  s.offset = 0;
  if (lc()) t0.takeData();
}

/** In the receive interrupt: a byte of the command's data. */
export function receive(byte: u32): void {
  const s = state();
  if (s.offset < APDU_BYTES) store<u8>(APDU + s.offset++, byte);
}

/** Sends response data as the line takes it. */
export function send(): void {
  const s = state();
  while (t0.wantsByte() && t0.put(load<u8>(APDU + s.offset))) s.offset++;
}

function getResponse(s: ApduState): void {
  const le = t0.le();
  if (s.left == 0) return t0.answer(SW_NOTHING_THERE);
  if (le > s.left) return t0.answer(SW_WRONG_LENGTH | (s.left & 0xff));
  s.left -= u16(le);
  t0.sendData(le, s.left ? SW_MORE_DATA | s.left : s.status);
}

function isOutgoing(ins: u32): bool {
  switch (ins) {
    case READ_BINARY:
    case READ_RECORD:
    case GET_RESPONSE:
    case GET_DATA:
    case GET_DATA_TLV:
    case GET_CHALLENGE:
    case GET_STATUS:
      return true;
    default:
      return false;
  }
}

function state(): ApduState {
  return changetype<ApduState>(APDU_STATE);
}
