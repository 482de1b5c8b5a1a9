// The protocols above PPP for tests: packets go in and come out by test memory, and sockets are driven from outside.
//
//   61440  INBOX, 2 KB: a packet to be received       63488  OUTBOX, 2,032 bytes: a packet that was sent
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import * as clock from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as dhcp from "../../firmware/net/dhcp.ts";
import * as dns from "../../firmware/net/dns.ts";
import * as icmp from "../../firmware/net/icmp.ts";
import * as ip from "../../firmware/net/ip.ts";
import * as isn from "../../firmware/net/isn.ts";
import * as netServer from "../../firmware/net/net-server.ts";
import { Tcb } from "../../firmware/net/tcb.ts";
import * as sockets from "../../firmware/socket/socket.ts";

const INBOX: usize = 61440;
const OUTBOX: usize = 63488;
/** Where ahdlc-double.ts finds the frame that has arrived, and leaves the one that is being sent. */
const ARRIVED: usize = 65528;
const SENDING: usize = 65532;
/** PPP's protocol field and room for a Protocol-Reject stand before a received packet. */
const LINK_ROOM: u32 = 8;

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  netServer.powerOn();
  for (let i: u32 = 0; i < 16; i++) store<u8>(INBOX + i, u8(i));
  netServer.open(clock.now(), INBOX);
}

/** Receives the `length` bytes in the INBOX as the link would. @returns whether the pool held them */
export function deliver(length: u32): bool {
  const packet = pbuf.take(LINK_ROOM);
  if (!packet) return false;
  let last: pbuf.Pbuf | null = packet;
  for (let i: u32 = 0; i < length && last; i++) last = pbuf.append(packet, last, load<u8>(INBOX + i));
  if (!last) {
    pbuf.give(packet);
    return false;
  }
  store<u32>(ARRIVED, u32(changetype<usize>(packet)));
  return true;
}

/** The line transmits what is being sent, to the OUTBOX. @returns its length, 0: nothing is being sent */
export function transmit(): u32 {
  const packet = changetype<pbuf.Pbuf | null>(usize(load<u32>(SENDING)));
  if (!packet) return 0;
  const length = packet.totalLength;
  pbuf.copyOut(packet, 0, OUTBOX, length);
  pbuf.give(packet);
  store<u32>(SENDING, 0);
  return length;
}

export function poll(): u32 {
  return netServer.poll(clock.now());
}

export function ping(address: u32, id: u32, sequence: u32, length: u32): bool {
  return icmp.echo(address, id, sequence, length);
}

export function pong(): u32 {
  return icmp.takeReply();
}

export function sipHash(key: usize, first: u64, second: u32): u64 {
  return isn.hash(key, first, second);
}

// What the tests look at.

export function freePbufs(): u32 {
  return pbuf.freeCount();
}

export function freeHeaders(): u32 {
  return pbuf.freeHeaderCount();
}

/** Memory for regions: everything of the RAM map that this entry doesn't use. */
export function appMemory(): u32 {
  return u32(ram.TLS);
}

export function appMemoryLength(): u32 {
  return u32(ram.END - ram.TLS);
}

export function ipRegion(): u32 {
  return u32(ram.IP);
}

export function tcpRegion(): u32 {
  return u32(ram.TCP);
}

/** @returns RFC 9293 state of the block with this index, numbered as in tcb.ts */
export function stateOf(index: u32): u32 {
  return Tcb.at(index).state;
}

export function cwndOf(index: u32): u32 {
  return Tcb.at(index).cwnd;
}

export function rtoOf(index: u32): u32 {
  return Tcb.at(index).rto;
}

export function romBase(): u32 {
  return ROM_BASE;
}

export function arenaBytes(): u32 {
  return ARENA_BYTES;
}

// The socket API, as it is.

export function socket(): i32 {
  return sockets.socket(sockets.SOCK_STREAM);
}

export function datagramSocket(): i32 {
  return sockets.socket(sockets.SOCK_DGRAM);
}

export function bind(s: i32, port: u32): i32 {
  return sockets.bind(s, port);
}

export function listen(s: i32, backlog: u32): i32 {
  return sockets.listen(s, backlog);
}

export function deferAccept(s: i32): i32 {
  return sockets.deferAccept(s);
}

export function knocked(s: i32): bool {
  return sockets.knocked(s);
}

export function accept(s: i32): i32 {
  return sockets.accept(s);
}

export function connect(s: i32, address: u32, port: u32): i32 {
  return sockets.connect(s, address, port);
}

/** recv(): the packet stays with the test. @returns its handle, 0: nothing */
export function recv(s: i32): u32 {
  return u32(changetype<usize>(sockets.recv(s)));
}

export function give(packet: u32): void {
  pbuf.give(changetype<pbuf.Pbuf>(usize(packet)));
}

export function lengthOf(packet: u32): u32 {
  return changetype<pbuf.Pbuf>(usize(packet)).totalLength;
}

export function recvStatus(s: i32): i32 {
  return sockets.recvStatus(s);
}

/** recvInto() the OUTBOX. */
export function recvInto(s: i32, length: u32): i32 {
  return sockets.recvInto(s, OUTBOX, length);
}

export function send(s: i32, data: u32, length: u32, flags: u32): i32 {
  return sockets.send(s, data, length, flags);
}

export function sendAt(s: i32, position: u32, data: u32, length: u32, flags: u32): i32 {
  return sockets.sendAt(s, position, data, length, flags);
}

export function position(s: i32): u32 {
  return sockets.position(s);
}

export function sendto(s: i32, data: u32, length: u32, address: u32, port: u32): i32 {
  return sockets.sendto(s, data, length, address, port);
}

export function outstanding(s: i32): u32 {
  return sockets.outstanding(s);
}

export function shutdown(s: i32): i32 {
  return sockets.shutdown(s);
}

export function close(s: i32): i32 {
  return sockets.close(s);
}

export function abort(s: i32): i32 {
  return sockets.abort(s);
}

export function ready(s: i32): u32 {
  return sockets.ready(s);
}

export function select(reads: u32, writes: u32): u32 {
  return sockets.select(reads, writes);
}

export function peerAddress(s: i32): u32 {
  return sockets.peerAddress(s);
}

export function peerPort(s: i32): u32 {
  return sockets.peerPort(s);
}

export function tcbsInUse(): u32 {
  return sockets.tcbsInUse();
}

// The resolver and the DHCP client, where the profile has them. Names and hardware addresses come by the INBOX.

/** @returns dns.resolve() of the `length` bytes in the INBOX */
export function resolve(length: u32): i64 {
  return DNS ? dns.resolve(INBOX, length, clock.now()) : 0;
}

export function resolveDue(): u32 {
  return DNS ? dns.due(clock.now()) : 0;
}

export function cancel(): void {
  if (DNS) dns.cancel();
}

export function setServer(address: u32): void {
  if (DNS) dns.setServer(address);
}

export function dnsServer(): u32 {
  return DNS ? dns.server() : 0;
}

export function dhcpStart(): void {
  if (DHCP) dhcp.start(INBOX, clock.now());
}

export function dhcpInform(): void {
  if (DHCP) dhcp.inform(INBOX, clock.now());
}

export function dhcpRelease(): void {
  if (DHCP) dhcp.release(clock.now());
}

export function dhcpDecline(): void {
  if (DHCP) dhcp.decline(clock.now());
}

export function dhcpState(): u32 {
  return DHCP ? dhcp.state() : 0;
}

export function subnetMask(): u32 {
  return DHCP ? dhcp.subnetMask() : 0;
}

export function router(): u32 {
  return DHCP ? dhcp.router() : 0;
}

export function localAddress(): u32 {
  return ip.localAddress();
}

export function udpRegion(): u32 {
  return u32(ram.UDP_STATE);
}

export function dnsRegion(): u32 {
  return u32(ram.DNS_STATE);
}

export function dhcpRegion(): u32 {
  return u32(ram.DHCP_STATE);
}
