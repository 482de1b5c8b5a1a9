// The options of the IP Control Protocol, RFC 1332: a card asks for its address unless it has one, and for a name server if
// it resolves names (RFC 1877); a server (PPP_SERVER) gives them, the profile's or what assign() has said. Either end says
// how many headers it keeps to restore compressed ones from (section 4). What later RFCs have added is rejected.
import { Pbuf } from "../../buffer/pbuf.ts";
import { Fsm } from "./fsm.ts";
import { LCP_END } from "./lcp.ts";
import * as packet from "./packet.ts";
import { ACK, NAK, REJECT } from "./packet.ts";

const IP_COMPRESSION: u32 = 2;
const IP_ADDRESS: u32 = 3;
/** RFC 1877 section 1.1. */
const PRIMARY_DNS: u32 = 129;
/** Its place in `wanted`. */
const PRIMARY_DNS_BIT: u32 = 15;
const WANTED: u32 = (VJ_SLOTS ? 1 << IP_COMPRESSION : 0) | (1 << IP_ADDRESS) | (DNS << PRIMARY_DNS_BIT);
/** Of each option. */
const OPTION_LEN: u32 = 6;
/** Van Jacobson's, the only compression that we know. */
const COMPRESSED_TCP: u32 = 0x002d;

@final
@unmanaged
class IpcpState {
  /** IPv4 addresses in host order, 0: not known. */
  local: u32;
  peer: u32;
  /** What we offer to the compressor of the peer: our last slot; whether it may leave out the slot's id. */
  maxSlot: u8;
  omitId: u8;
  /** What the peer offers to ours: its slots, 0: it wants no compressed headers. */
  peerSlots: u8;
  peerOmitsId: u8;
  /** Name server, host order, 0: not told, or none to tell. Last, since only those who ask or tell have room for it. */
  dns: u32;
}

const FSM: usize = (LCP_END + 3) & ~3;
const STATE: usize = FSM + offsetof<Fsm>();
export const IPCP_END: usize =
  STATE + (DNS || PPP_SERVER ? offsetof<IpcpState>() : offsetof<IpcpState>("dns"));

export function fsm(): Fsm {
  return changetype<Fsm>(FSM);
}

/** All our wishes anew. An address that was assigned before is asked for again. */
export function start(): void {
  const s = state();
  fsm().wanted = u16(WANTED);
  fsm().failures = 0;
  s.maxSlot = u8(VJ_SLOTS - 1);
  s.omitId = 1;
  if (LOCAL_ADDRESS && !s.local) assign(LOCAL_ADDRESS, PEER_ADDRESS);
}

/** The addresses of a server's link, host order: its own, and the one that it gives. After powerOn(), before open(). */
export function assign(local: u32, peer: u32): void {
  state().local = local;
  state().peer = peer;
}

/** The name server that a server tells of, host order, 0: none. When assign() is called, too. */
export function assignDns(address: u32): void {
  state().dns = address;
}

/** The peer's options to their defaults, before a request of the peer's is adopted. */
export function forget(): void {
  if (!PPP_SERVER) state().peer = 0;
  state().peerSlots = 0;
}

/** Appends our options to a Configure-Request. */
export function addOptions(frame: Pbuf): void {
  const s = state();
  const slots = (COMPRESSED_TCP << 16) | (u32(s.maxSlot) << 8) | s.omitId;
  if (wants(IP_COMPRESSION)) packet.addOption(frame, IP_COMPRESSION, slots, 4);
  if (wants(IP_ADDRESS)) packet.addOption(frame, IP_ADDRESS, s.local, 4);
  if (DNS && wants(PRIMARY_DNS_BIT)) packet.addOption(frame, PRIMARY_DNS, s.dns, 4);
}

/** @returns ACK, NAK or REJECT for the peer's option at `at` */
export function judge(frame: Pbuf, at: u32): u32 {
  if (isCompression(frame, at)) return ACK;
  if (PPP_SERVER) return judgeWish(frame, at);
  if (!isOption(frame, at, IP_ADDRESS)) return REJECT;
  return packet.get32(frame, at + 2) ? ACK : REJECT;
}

/** Writes the address that a server gives into a refused option. */
export function suggest(frame: Pbuf, at: u32): void {
  if (PPP_SERVER) packet.put32(frame, at + 2, given(frame, at));
}

function judgeWish(frame: Pbuf, at: u32): u32 {
  const address = given(frame, at);
  if (!address) return REJECT;
  return packet.get32(frame, at + 2) == address ? ACK : NAK;
}

/** @returns what a server gives by an option: the peer's address, that of its name server; 0: nothing */
function given(frame: Pbuf, at: u32): u32 {
  if (isOption(frame, at, IP_ADDRESS)) return state().peer;
  return isOption(frame, at, PRIMARY_DNS) ? state().dns : 0;
}

/** Takes over an option that we acknowledge. */
export function adopt(frame: Pbuf, at: u32): void {
  const s = state();
  if (isCompression(frame, at)) {
    s.peerSlots = u8(min(packet.get8(frame, at + 4) + 1, VJ_SLOTS));
    s.peerOmitsId = u8(packet.get8(frame, at + 5) & 1);
  } else if (!PPP_SERVER) s.peer = packet.get32(frame, at + 2); // a server's peer has what it was given
}

/** The peer suggests less to compress with, or another address for us; a server keeps its own. */
export function reconsider(frame: Pbuf, at: u32): void {
  const s = state();
  if (isCompression(frame, at)) {
    s.maxSlot = u8(min(u32(s.maxSlot), packet.get8(frame, at + 4)));
    s.omitId &= u8(packet.get8(frame, at + 5));
  } else if (!PPP_SERVER && isOption(frame, at, IP_ADDRESS)) s.local = packet.get32(frame, at + 2);
  else if (DNS && isOption(frame, at, PRIMARY_DNS)) s.dns = packet.get32(frame, at + 2);
}

/** @returns an option's bit in `wanted`, LCP's options among them; 0: we never ask for it */
export function bitOf(type: u32): u32 {
  if (DNS && type == PRIMARY_DNS) return 1 << PRIMARY_DNS_BIT;
  return type < 16 ? 1 << type : 0;
}

/** @returns our address, host order, 0: none yet */
export function localAddress(): u32 {
  return state().local;
}

/** @returns the peer's address, host order, 0: it has not said */
export function peerAddress(): u32 {
  return state().peer;
}

/** @returns the name server's address, host order, 0: the peer has not told */
export function dnsServer(): u32 {
  return DNS && wants(PRIMARY_DNS_BIT) ? state().dns : 0;
}

/** @returns slots of the peer's decompressor, at most VJ_SLOTS; 0: it wants no compressed headers */
export function peerSlots(): u32 {
  return state().peerSlots;
}

/** @returns whether a slot's id may be left out on the way to the peer */
export function peerOmitsId(): bool {
  return state().peerOmitsId != 0;
}

function wants(type: u32): bool {
  return ((u32(fsm().wanted) >> type) & 1) != 0;
}

/** A profile without slots knows no such option. */
function isCompression(frame: Pbuf, at: u32): bool {
  return (
    u32(VJ_SLOTS) != 0 && isOption(frame, at, IP_COMPRESSION) && packet.get16(frame, at + 2) == COMPRESSED_TCP
  );
}

function isOption(frame: Pbuf, at: u32, type: u32): bool {
  return packet.get8(frame, at) == type && packet.get8(frame, at + 1) == OPTION_LEN;
}

function state(): IpcpState {
  return changetype<IpcpState>(STATE);
}
