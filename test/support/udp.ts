// The stack with all that goes over UDP, and a host on the other side that sends it datagrams.
import { CARD, PEER, Stack, netModule } from "./net.ts";
import { type Datagram, type Packet, icmpMessage, ipPacket, parseUdp, udpDatagram } from "./net-packet.ts";

/** The counters of udp.ts, in its order. */
export const UDP_COUNTERS = ["badLength", "badChecksum", "noPort", "noRoom", "badErrors"] as const;

export function udpModule(): Promise<WebAssembly.Module> {
  return netModule("card-6k", { UDP: 1, DNS: 1, DHCP: 1, ICMP_ERRORS: 1 });
}

export interface Ends {
  source?: number;
  dest?: number;
}

/** A datagram arrives. */
export function receive(stack: Stack, datagram: Datagram, { source = PEER, dest = CARD }: Ends = {}): void {
  stack.receive(ipPacket({ source, dest, protocol: 17, payload: udpDatagram(datagram, source, dest) }));
}

/** @returns the next datagram that was sent, and where to */
export function takeDatagram(stack: Stack): Datagram & { packet: Packet; text: string } {
  stack.poll();
  const packet = stack.take();
  const datagram = parseUdp(packet);
  return { ...datagram, packet, text: new TextDecoder().decode(datagram.data) };
}

/** An ICMP error arrives that quotes the last packet sent, or another. */
export function complain(stack: Stack, code: number, type = 3, quoted = stack.rawSent.at(-1)!): void {
  const payload = icmpMessage(type, code, [0, 0, 0, 0, ...quoted.subarray(0, 28)]);
  stack.receive(ipPacket({ source: 0x0a000009, dest: CARD, protocol: 1, payload }));
}

export function udpCounters(stack: Stack): Record<(typeof UDP_COUNTERS)[number], number> {
  const values = stack.counters(stack.firmware.udpRegion(), 4, UDP_COUNTERS.length);
  return Object.fromEntries(UDP_COUNTERS.map((name, i) => [name, values[i]])) as ReturnType<
    typeof udpCounters
  >;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
