// Van Jacobson's TCP/IP header compression, RFC 1144: either end keeps the last header of each connection in a slot, and
// what goes over the line is how the next one differs from it. 40 bytes become 3 to 19, for bulk data 3.
//
//   protocol field
//   0021  a packet as it is: not TCP, or nothing that compression is made for
//   002f  ┌──────────────────────────────────────────┬──────┐
//         │ IP and TCP header, protocol 6 := slot id │ data │     fills the slot
//         └──────────────────────────────────────────┴──────┘
//   002d  ┌──────┬──────┬──────────────┬────────┬─────────┬──────┬──────┬────────┬──────┐
//         │ mask │ [id] │ TCP checksum │[urgent]│[Δwindow]│[Δack]│[Δseq]│[Δident]│ data │
//         └──────┴──────┴──────────────┴────────┴─────────┴──────┴──────┴────────┴──────┘
//   mask  ┌─┬─┬─┬─┬─┬─┬─┬─┐     C an id follows, else the slot of the packet before    P is the PSH flag
//         │ │C│I│P│S│A│W│U│     I, S, A, W, U: the field follows; without I the identification has gone up by 1
//         └─┴─┴─┴─┴─┴─┴─┴─┘     SWU, SAWU: special cases instead of fields
//   field 1 to 255: that byte; else 00 and two bytes
//
// Neither direction copies data: the changes are written over the end of the outgoing header, and a received header is
// rebuilt in the room before the data, which the framing has to leave (HEADROOM).
//
// Loss. Changes add up, so a lost packet spoils all that follow in its slot. TCP's checksum covers the rebuilt header, but
// is blind to changes that cancel out (data +200, window -200). Therefore lost() empties all slots, more than section 4.1
// asks for: what then comes compressed is tossed, until a retransmission, which compressors send uncompressed, fills
// its slot again.
//
// A receive slot keeps its id with it: the peer may number its slots as it likes (lwIP does, whatever IPCP says), so long
// as no more of them are in use than we have.
import * as checksum from "../../buffer/checksum.ts";
import {
  IP_HEADER_LEN,
  IpHeader,
  PROTOCOL_TCP,
  PSH,
  TCP_HEADER_LEN,
  TcpHeader,
  URG,
} from "../../buffer/headers.ts";
import * as pbuf from "../../buffer/pbuf.ts";
import { Pbuf } from "../../buffer/pbuf.ts";
import { VJ, VJ_BYTES } from "../../chip/ram-map.ts";
import { HEADER_LEN, dataLen, isCompressible, isLike, isPlain } from "./vj-header.ts";

// PPP protocols, RFC 1332 section 4.
export const IP: u32 = 0x0021;
export const COMPRESSED_TCP: u32 = 0x002d;
export const UNCOMPRESSED_TCP: u32 = 0x002f;

// Bits of the mask.
const NEW_U: u32 = 0x01;
const NEW_W: u32 = 0x02;
const NEW_A: u32 = 0x04;
const NEW_S: u32 = 0x08;
const PUSH: u32 = 0x10;
const NEW_I: u32 = 0x20;
const NEW_C: u32 = 0x40;
const FIELDS: u32 = NEW_S | NEW_A | NEW_W | NEW_U;
/** An echoed character: ack and seq have gone up by the data of the packet before. */
const SPECIAL_I: u32 = NEW_S | NEW_W | NEW_U;
/** One more segment of bulk data: seq has. */
const SPECIAL_D: u32 = NEW_S | NEW_A | NEW_W | NEW_U;

/** No mask: the header must go whole. */
const WHOLE: u32 = 0x100;
/** The shortest compressed header: mask and checksum. */
const SHORTEST: u32 = 3;
/** No slot. */
const NONE: u32 = 0xff;

/** Room that must be before the mask of a packet for uncompress(), bytes. */
export const HEADROOM: u32 = HEADER_LEN - SHORTEST;

@final
@unmanaged
class VjState {
  /** Slots that the peer has for us, 0: it wants no compressed packets. */
  sendSlots: u8;
  omitsId: u8;
  /** Slots of the packets before. */
  lastSent: u8;
  lastReceived: u8;
  /** Counts uses of slots. */
  turn: u16;
  tossed: u8;
}

const SEND_SLOTS: usize = VJ + ((offsetof<VjState>() + 3) & ~3);
const RECEIVE_SLOTS: usize = SEND_SLOTS + u32(VJ_SLOTS) * HEADER_LEN;

/** Nothing is compressed until open(). RAM is zero before. */
export function powerOn(): void {
  if (RECEIVE_SLOTS + u32(VJ_SLOTS) * HEADER_LEN > VJ + VJ_BYTES)
    ERROR("the slots of VJ do not fit VJ_BYTES");
  if (offsetof<IpHeader>() != IP_HEADER_LEN || offsetof<TcpHeader>() != TCP_HEADER_LEN)
    ERROR("headers of IP and TCP are 40 bytes");
  if (u32(VJ_SLOTS) >= NONE) ERROR("slot identifiers are bytes, one of which means none");
}

/**
 * IPCP has opened: both directions begin with empty slots.
 * @param peerSlots slots of the peer's decompressor (its max-slot-id + 1), 0: it wants no compressed packets
 * @param omitId    whether it lets us leave out a slot id that is the same as before
 */
export function open(peerSlots: u32, omitId: bool): void {
  const s = state();
  s.sendSlots = u8(min(peerSlots, u32(VJ_SLOTS)));
  s.omitsId = u8(omitId);
  s.lastSent = u8(NONE);
  memory.fill(SEND_SLOTS, 0, RECEIVE_SLOTS - SEND_SLOTS);
  lost();
}

/** A frame was lost, whatever it carried: nothing compressed is believed until its slot has been filled anew. */
export function lost(): void {
  memory.fill(RECEIVE_SLOTS, 0, RECEIVE_SLOTS - SEND_SLOTS);
}

/** Received packets that were tossed. Stays at 255. */
export function tossed(): u32 {
  return state().tossed;
}

/**
 * Compresses an outgoing packet. There is no way back: it must be sent, as the next one.
 * @param packet payload at the IP header, which is rewritten; headers in the first pbuf
 * @returns the PPP protocol that it is now
 */
export function compress(packet: Pbuf): u32 {
  const s = state();
  const header = IpHeader.at(packet.payload);
  if (!s.sendSlots || packet.length < HEADER_LEN || !isCompressible(header)) return IP;
  if (header.totalLen != packet.totalLength) return IP;
  const id = sendSlotFor(s, header);
  const saved = slotAt(SEND_SLOTS, id);
  let mask = changes(header, saved);
  if (mask == WHOLE) {
    keep(s, saved, header);
    header.protocol = u8(id);
  } else {
    if (!s.omitsId || s.lastSent != id) mask |= NEW_C;
    pbuf.trimHead(packet, HEADER_LEN - writeChanges(s, header, saved, mask, id));
  }
  s.lastSent = u8(id);
  return mask == WHOLE ? UNCOMPRESSED_TCP : COMPRESSED_TCP;
}

/**
 * Makes a received packet what it was.
 * @param protocol UNCOMPRESSED_TCP or COMPRESSED_TCP
 * @param packet   payload behind the protocol field, HEADROOM bytes before it; owned by the callee
 * @returns the packet, payload at its IP header, which the caller now owns; null when it was tossed
 */
export function uncompress(protocol: u32, packet: Pbuf): Pbuf | null {
  const s = state();
  const good = protocol == COMPRESSED_TCP ? rebuild(s, packet) : refill(s, packet);
  if (good) return packet;
  if (s.tossed != 255) s.tossed++;
  pbuf.give(packet);
  return null;
}

/** @returns how a header differs from the one before, a mask without C, I and P; WHOLE when a mask can't say */
function changes(header: IpHeader, before: IpHeader): u32 {
  const tcp = header.tcp;
  const was = before.tcp;
  const seq = tcp.seq - was.seq;
  const ack = tcp.ack - was.ack;
  if (!isLike(header, before) || seq > 0xffff || ack > 0xffff) return WHOLE;
  const sent = dataLen(before);
  const isUrgent = (tcp.flags & URG) != 0;
  if (!isUrgent && tcp.urgent != was.urgent) return WHOLE;
  let mask: u32 = isUrgent ? NEW_U : 0;
  if (tcp.window != was.window) mask |= NEW_W;
  if (ack) mask |= NEW_A;
  if (seq) mask |= NEW_S;
  switch (mask) {
    case 0: // data after an ACK; else something is being repeated, perhaps because the peer has lost a packet
      return sent == 0 && dataLen(header) > 0 ? 0 : WHOLE;
    case SPECIAL_I: // the real changes would be taken for a special case
    case SPECIAL_D:
      return WHOLE;
    case NEW_S | NEW_A:
      return seq == ack && seq == sent ? SPECIAL_I : mask;
    case NEW_S:
      return seq == sent ? SPECIAL_D : mask;
  }
  return mask;
}

/** Writes a compressed header so that it ends where the header does, and saves that before. @returns its length */
function writeChanges(s: VjState, header: IpHeader, saved: IpHeader, fields: u32, id: u32): u32 {
  const ident = (header.ident - saved.ident) & 0xffff;
  const tcp = header.tcp;
  const was = saved.tcp;
  const seq = tcp.seq - was.seq;
  const ack = tcp.ack - was.ack;
  const window = (tcp.window - was.window) & 0xffff;
  keep(s, saved, header); // what is written below overwrites the original
  let mask = fields | (was.flags & PSH ? PUSH : 0);
  if (ident != 1) mask |= NEW_I;
  const start = changetype<usize>(header);
  let at = start + HEADER_LEN;
  if (mask & NEW_I) at = putField(at, ident);
  if (!isSpecial(mask)) {
    if (mask & NEW_S) at = putField(at, seq);
    if (mask & NEW_A) at = putField(at, ack);
    if (mask & NEW_W) at = putField(at, window);
    if (mask & NEW_U) at = putField(at, was.urgent);
  }
  at -= 2;
  store<u16>(at, was.checksumBe);
  if (mask & NEW_C) store<u8>(--at, id);
  store<u8>(--at, mask);
  return u32(start + HEADER_LEN - at);
}

/** Writes a field so that it ends before `end`. @param value below 2^16 @returns its address */
function putField(end: usize, value: u32): usize {
  if (value - 1 < 255) {
    store<u8>(end - 1, value);
    return end - 1;
  }
  store<u16>(end - 2, bswap<u16>(u16(value)));
  store<u8>(end - 3, 0);
  return end - 3;
}

/** UNCOMPRESSED_TCP: fills a slot and restores the header. @returns false when there is no header */
function refill(s: VjState, packet: Pbuf): bool {
  if (packet.length < HEADER_LEN) return malformed();
  const header = IpHeader.at(packet.payload);
  s.lastReceived = header.protocol;
  const known = receiveSlotOf(header.protocol);
  if (isPlain(header))
    keep(s, known ? known : slotAt(RECEIVE_SLOTS, longestUnused(s, RECEIVE_SLOTS, VJ_SLOTS)), header);
  else if (known) known.versionAndLen = 0; // no room for options: what refers to them will be tossed
  header.protocol = u8(PROTOCOL_TCP);
  return true;
}

/** COMPRESSED_TCP: rebuilds the header. @returns false when it is to be tossed */
function rebuild(s: VjState, packet: Pbuf): bool {
  const start = packet.payload;
  const mask: u32 = load<u8>(start);
  let at = start + 1;
  if (mask & NEW_C) s.lastReceived = load<u8>(at++);
  const saved = receiveSlotOf(s.lastReceived);
  if (!saved) return false;
  // A frame that ends too early is read beyond its end, and noticed then.
  const end = readChanges(at, mask, saved);
  const length = u32(end - start);
  if (packet.length < length || pbuf.headroom(packet) + length < HEADER_LEN) return malformed();
  const header = IpHeader.at(pbuf.prepend(packet, HEADER_LEN - length));
  saved.totalLen = packet.totalLength;
  saved.checksumBe = ++s.turn;
  memory.copy(changetype<usize>(header), changetype<usize>(saved), HEADER_LEN);
  header.protocol = u8(PROTOCOL_TCP);
  header.checksumBe = 0;
  header.checksumBe = ipChecksum(changetype<usize>(header));
  return true;
}

/** The slots can't be right any more. @returns false */
function malformed(): bool {
  lost();
  return false;
}

/** Applies what follows mask and id to a saved header. @returns address of the data */
function readChanges(from: usize, mask: u32, saved: IpHeader): usize {
  const tcp = saved.tcp;
  let at = from + 2;
  tcp.checksumBe = load<u16>(from);
  tcp.flags = u8((tcp.flags & ~(PSH | URG)) | (mask & PUSH ? PSH : 0));
  if (isSpecial(mask)) {
    tcp.seq += dataLen(saved);
    if ((mask & FIELDS) == SPECIAL_I) tcp.ack += dataLen(saved);
  } else {
    if (mask & NEW_U) {
      tcp.flags |= u8(URG);
      tcp.urgent = field(at);
      at += fieldLen(at);
    }
    if (mask & NEW_W) {
      tcp.window += field(at);
      at += fieldLen(at);
    }
    if (mask & NEW_A) {
      tcp.ack += field(at);
      at += fieldLen(at);
    }
    if (mask & NEW_S) {
      tcp.seq += field(at);
      at += fieldLen(at);
    }
  }
  saved.ident += mask & NEW_I ? field(at) : 1;
  return mask & NEW_I ? at + fieldLen(at) : at;
}

function isSpecial(mask: u32): bool {
  const fields = mask & FIELDS;
  return fields == SPECIAL_I || fields == SPECIAL_D;
}

function field(at: usize): u32 {
  const short: u32 = load<u8>(at);
  return short ? short : bswap<u16>(load<u16>(at + 1));
}

function fieldLen(at: usize): usize {
  return load<u8>(at) ? 1 : 3;
}

/** @returns the checksum of the 20 bytes at `header`, as they are stored: its sum does not mind the order of bytes */
function ipChecksum(header: usize): u16 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < 20; i += 2) sum += load<u16>(header + i);
  return u16(checksum.fold(sum));
}

/** @returns the id of the slot of a header's connection, or of the slot to give it */
function sendSlotFor(s: VjState, header: IpHeader): u32 {
  for (let id: u32 = 0; id < s.sendSlots; id++) if (slotAt(SEND_SLOTS, id).isOf(header)) return id;
  return longestUnused(s, SEND_SLOTS, s.sendSlots);
}

/** @returns the header that the peer's slot has, null: not known */
function receiveSlotOf(id: u32): IpHeader | null {
  for (let i: u32 = 0; i < u32(VJ_SLOTS); i++) {
    const saved = slotAt(RECEIVE_SLOTS, i);
    if (saved.protocol == id && saved.versionAndLen) return saved;
  }
  return changetype<IpHeader | null>(usize(0));
}

/** @returns index of an empty slot, or else of the one that was used the longest ago */
function longestUnused(s: VjState, slots: usize, count: u32): u32 {
  let chosen: u32 = 0;
  let longest: i32 = -1;
  for (let i: u32 = 0; i < count; i++) {
    const saved = slotAt(slots, i);
    const turns: i32 = saved.versionAndLen ? u16(s.turn - saved.checksumBe) : 0x10000;
    if (turns > longest) {
      longest = turns;
      chosen = i;
    }
  }
  return chosen;
}

/** Saves a header, and when. */
function keep(s: VjState, saved: IpHeader, header: IpHeader): void {
  memory.copy(changetype<usize>(saved), changetype<usize>(header), HEADER_LEN);
  saved.checksumBe = ++s.turn;
}

function slotAt(slots: usize, index: u32): IpHeader {
  return IpHeader.at(slots + index * HEADER_LEN);
}

function state(): VjState {
  return changetype<VjState>(VJ);
}
