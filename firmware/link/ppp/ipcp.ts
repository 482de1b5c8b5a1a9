// The options of the IP Control Protocol, RFC 1332: a card asks for its address unless it has one; a server
// (PPP_SERVER) gives it. Header compression is rejected, as is everything of later RFCs.
import { Pbuf } from "../../buffer/pbuf.ts";
import { Fsm } from "./fsm.ts";
import { LCP_END } from "./lcp.ts";
import * as packet from "./packet.ts";
import { ACK, NAK, REJECT } from "./packet.ts";

const IP_ADDRESS: u32 = 3;
const IP_ADDRESS_LEN: u32 = 6;

@final
@unmanaged
class IpcpState {
  /** IPv4 addresses in host order, 0: not known. */
  local: u32;
  peer: u32;
}

const FSM: usize = (LCP_END + 3) & ~3;
const STATE: usize = FSM + offsetof<Fsm>();
export const IPCP_END: usize = STATE + offsetof<IpcpState>();

export function fsm(): Fsm {
  return changetype<Fsm>(FSM);
}

/** All our wishes anew. An address that was assigned before is asked for again. */
export function start(): void {
  fsm().wanted = u16(u32(1) << IP_ADDRESS);
  fsm().failures = 0;
  if (LOCAL_ADDRESS) state().local = LOCAL_ADDRESS;
}

export function forget(): void {
  state().peer = 0;
}

/** Appends our options to a Configure-Request. */
export function addOptions(frame: Pbuf): void {
  if (fsm().wanted) packet.addOption(frame, IP_ADDRESS, state().local, 4);
}

/** @returns ACK, NAK or REJECT for the peer's option at `at` */
export function judge(frame: Pbuf, at: u32): u32 {
  if (packet.get8(frame, at) != IP_ADDRESS || packet.get8(frame, at + 1) != IP_ADDRESS_LEN) return REJECT;
  const address = packet.get32(frame, at + 2);
  if (PPP_SERVER) return address == PEER_ADDRESS ? ACK : NAK;
  return address ? ACK : REJECT;
}

/** Writes the address that we give into a refused option. */
export function suggest(frame: Pbuf, at: u32): void {
  packet.put32(frame, at + 2, PEER_ADDRESS);
}

/** Takes over an option that we acknowledge. */
export function adopt(frame: Pbuf, at: u32): void {
  state().peer = packet.get32(frame, at + 2);
}

/** The peer suggests another address for us; a server keeps its own. */
export function reconsider(frame: Pbuf, at: u32): void {
  if (PPP_SERVER) return;
  if (packet.get8(frame, at) != IP_ADDRESS || packet.get8(frame, at + 1) != IP_ADDRESS_LEN) return;
  state().local = packet.get32(frame, at + 2);
}

/** @returns our address, host order, 0: none yet */
export function localAddress(): u32 {
  return state().local;
}

/** @returns the peer's address, host order, 0: it has not said */
export function peerAddress(): u32 {
  return state().peer;
}

function state(): IpcpState {
  return changetype<IpcpState>(STATE);
}
