// Stands in for link/ppp/ppp.ts: a link that is up from the start (10.0.0.2 here, 10.0.0.1 there) and adds no header.
import { Pbuf } from "../../../firmware/buffer/pbuf.ts";
import { FOREVER, Millis } from "../../../firmware/chip/clock.ts";
import * as ahdlc from "../../../firmware/link/ahdlc.ts";

/** Test memory: our address; 1 when the link is down. */
const ADDRESS: usize = 65520;
const DOWN: usize = 65524;

export function powerOn(): void {}

export function open(_now: Millis): void {}

export function poll(_now: Millis): Millis {
  return FOREVER;
}

export function input(frame: Pbuf, _now: Millis): Pbuf | null {
  return frame;
}

export function output(packet: Pbuf): bool {
  return isUp() && ahdlc.send(packet);
}

/** Control packets: there are none. */
export function dispatch(): bool {
  return false;
}

export function isUp(): bool {
  return load<u32>(DOWN) == 0;
}

export function follow(): void {}

export function canSend(): bool {
  return isUp() && !ahdlc.isSending();
}

export function localAddress(): u32 {
  return load<u32>(ADDRESS);
}

export function peerAddress(): u32 {
  return 0x0a000001;
}

/** Test memory: the name server that the peer has told. */
const DNS_SERVER: usize = 65516;

export function dnsServer(): u32 {
  return load<u32>(DNS_SERVER);
}

export function peerMru(): u32 {
  return 1500;
}
