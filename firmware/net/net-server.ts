// The net server (seed [141], [147], [150], figures 11 and 12): brings the link up and carries packets between it and
// the protocols. The application, being the only thread, calls poll() over and over.
//
//   link → takeFrame → ppp.input → ip.input ─┬→ icmp.input          dispatch: replies first, then one connection
//                                            ├→ tcp.input           after the other, one frame at a time → link
//                                            └→ udp.input → dhcp, dns, sockets
import * as pbuf from "../buffer/pbuf.ts";
import { Pbuf } from "../buffer/pbuf.ts";
import { Millis } from "../chip/clock.ts";
import { IP } from "../chip/ram-map.ts";
import * as ahdlc from "../link/ahdlc.ts";
import * as ppp from "../link/ppp/ppp.ts";
import * as dhcp from "./dhcp.ts";
import * as dns from "./dns.ts";
import * as icmp from "./icmp.ts";
import * as ip from "./ip.ts";
import { IpState } from "./ip.ts";
import * as tcpInput from "./tcp-input.ts";
import * as tcpOutput from "./tcp-output.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";
import { IpHeader, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, UdpHeader, count } from "./wire.ts";

/** Clears the state of all protocols. Call after the link's powerOn(). */
export function powerOn(): void {
  ppp.powerOn();
  ip.powerOn();
  icmp.powerOn();
  tcp.powerOn();
  if (UDP) udp.powerOn();
  if (DNS) dns.powerOn();
  if (DHCP) dhcp.powerOn();
}

/** Starts the link. @param secret address of 16 random bytes, copied */
export function open(now: Millis, secret: usize): void {
  tcp.seed(secret);
  ppp.open(now);
}

/** Handles what has arrived, sends what the link takes. @returns due() */
export function poll(now: Millis): Millis {
  let frame = ahdlc.takeFrame();
  while (frame) {
    const packet = ppp.input(frame, now);
    if (packet) input(packet, now);
    frame = ahdlc.takeFrame();
  }
  due(now);
  while (dispatch(now));
  return due(now);
}

/** Runs the timers: last in a step, because what was sent may have started some. @returns ms until one is due */
export function due(now: Millis): Millis {
  const next = min(ppp.poll(now), tcp.poll(now));
  return DHCP ? min(next, dhcp.poll(now)) : next;
}

/** Sends one frame if there is one to send and the link is free. @returns whether it did */
export function dispatch(now: Millis): bool {
  return ppp.dispatch() || ip.dispatch() || tcpOutput.dispatch(now);
}

/** A packet from the link goes to its protocol (seed [142]). Owns the packet. */
function input(received: Pbuf, now: Millis): void {
  const packet = ip.input(received);
  if (!packet) return;
  switch (u32(IpHeader.of(packet).protocol)) {
    case PROTOCOL_TCP:
      tcpInput.input(packet, now);
      break;
    case PROTOCOL_ICMP:
      inputError(icmp.input(packet));
      break;
    case PROTOCOL_UDP:
      if (UDP) inputDatagram(packet, now);
      else icmp.unreachable(packet, icmp.PORT_UNREACHABLE, now);
      break;
    default:
      count(IP + offsetof<IpState>("unknownProtocol"));
      icmp.unreachable(packet, icmp.PROTOCOL_UNREACHABLE, now);
  }
}

/** A datagram goes to whom its port belongs. Nobody complains about a broadcast (RFC 1122 section 3.2.2). */
function inputDatagram(received: Pbuf, now: Millis): void {
  const packet = udp.input(received);
  if (!packet) return;
  const port = UdpHeader.of(packet).destPort;
  if (DHCP && dhcp.isAt(port)) dhcp.input(packet, now);
  else if (DNS && dns.isAt(port)) dns.input(packet);
  else if (udp.deliver(packet)) return;
  else if (IpHeader.of(packet).dest == ip.BROADCAST) pbuf.give(packet);
  else icmp.unreachable(packet, icmp.PORT_UNREACHABLE, now);
}

/** An ICMP error goes to the protocol that it quotes. */
function inputError(error: Pbuf | null): void {
  if (!ICMP_ERRORS || !error) return;
  const protocol = icmp.quotedProtocol(error);
  if (protocol == PROTOCOL_TCP) tcp.unreachable(error);
  else if (UDP && protocol == PROTOCOL_UDP && !(DNS && dns.unreachable(error))) udp.unreachable(error);
  pbuf.give(error);
}
