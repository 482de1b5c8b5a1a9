// The Peer I/O client (seed [106]-[119], [127]-[131], fig 10): lets a card that may only answer talk as a peer. The
// server asks by three instructions; every status tells whether, and how much, the card wants to send next:
//
//   12 E8 00 00 01 x        POLL         ACK           6Cxx READY-WRITE, or 9000 NO-DATA
//   12 EA 00 00 nn data     PUT_PACKET   ACK           the same
//   12 EC 00 00 xx          GET_PACKET   ACK data      the same
//
//                 write ┌──────────────────────────────┐ write
//            ┌─────────>│ READY_WRITE   POLL: 6Cxx     │<─────────┐
//            │          └──────────────┬────────▲──────┘          │
//   ┌────────┴┐            GET: data ──┤        │ write  ┌────────┴───┐
//   │ INITIAL │                        ├────────┼───────>│ WAIT_UPPER │
//   └────────┬┘            PUT: data ──┤        │        └────────┬───┘
//            │          ┌──────────────┴────────┴──────┐          │
//            └─────────>│ READY_READ    POLL: 9000     │<─────────┘
//                  read └──────────────────────────────┘ read
//
// The upper layers instruct anew whenever the server asks, for a card whose timer has run out must get its opportunity
// at the next poll ([114]): hence the arrow from READY_READ to READY_WRITE, and PUT in READY_WRITE, when the server
// had data while the card made up its mind. The messages are one stream of bytes of any length, without fragment
// headers; what they mean is not known here ([132]).
import { PEER_IO, PEER_IO_BYTES } from "../chip/ram-map.ts";
import * as t0 from "./t0.ts";

/** The class of Peer I/O. */
export const CLASS: u32 = 0x12;
const POLL: u32 = 0xe8;
export const PUT_PACKET: u32 = 0xea;
const GET_PACKET: u32 = 0xec;

const SW_READY_WRITE: u32 = 0x6c00;
const SW_NO_DATA: u32 = 0x9000;
const SW_WRONG_LENGTH: u32 = 0x6700;
const SW_INVALID_INS: u32 = 0x6d00;

/** The most that one GET_PACKET can carry, bytes. */
export const MAX_PACKET: u32 = 256;

// States, [128].
const INITIAL: u8 = 0;
const WAIT_UPPER: u8 = 1;
const READY_WRITE: u8 = 2;
const READY_READ: u8 = 3;

@final
@unmanaged
class PeerIoState {
  /** Bytes that the upper layers want to send, 1..256, in READY_WRITE. */
  ready: u16;
  state: u8;
}

/** RAM is zero before. */
export function powerOn(): void {
  if (offsetof<PeerIoState>() > PEER_IO_BYTES) ERROR("PeerIoState does not fit PEER_IO_BYTES");
  state().state = INITIAL;
}

/** Write instruction of the upper layers. @param bytes that they have for the server now, 1..MAX_PACKET */
export function write(bytes: u32): void {
  const s = state();
  s.ready = u16(bytes);
  s.state = READY_WRITE;
}

/** Read instruction of the upper layers: nothing to send, they wait for data. */
export function read(): void {
  state().state = READY_READ;
}

/** T=0 asks what happens to a command of our class; the upper layers have just instructed. */
export function answer(): void {
  if (!t0.isHeader()) return t0.answer(status());
  const s = state();
  switch (t0.ins()) {
    case POLL:
      if (t0.p3() != 1) return t0.answer(SW_WRONG_LENGTH);
      return t0.takeData();
    case PUT_PACKET:
      if (t0.p3() == 0) return t0.answer(SW_WRONG_LENGTH);
      s.state = WAIT_UPPER;
      return t0.takeData();
    case GET_PACKET:
      // More than is ready, or nothing is: the status says so, without data.
      if (s.state != READY_WRITE || t0.le() > s.ready) return t0.answer(status());
      s.state = WAIT_UPPER;
      return t0.sendData(t0.le(), 0);
    default:
      t0.answer(SW_INVALID_INS);
  }
}

function status(): u32 {
  const s = state();
  return s.state == READY_WRITE ? SW_READY_WRITE | (s.ready & 0xff) : SW_NO_DATA;
}

function state(): PeerIoState {
  return changetype<PeerIoState>(PEER_IO);
}
