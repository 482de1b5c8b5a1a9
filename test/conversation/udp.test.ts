// UDP and datagram sockets: RFC 768, RFC 1122 section 4.1; ICMP errors that reach them.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  CARD,
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENOTCONN,
  FAILED,
  PEER,
  READABLE,
  Stack,
  WRITABLE,
} from "../support/net.ts";
import { checksum, ipPacket, udpDatagram } from "../support/net-packet.ts";
import { bytes, complain, receive, takeDatagram, udpCounters, udpModule } from "../support/udp.ts";

const OTHER = 0x0a000007;

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await udpModule();
});
beforeEach(() => {
  stack = new Stack(module);
});
afterEach(() => stack.tearDown());

/** @returns a socket with a port */
function bound(port = 5000): number {
  const s = stack.firmware.datagramSocket();
  expect(stack.firmware.bind(s, port)).toBe(0);
  return s;
}

const send = (data: string, sourcePort = 7000, destPort = 5000) =>
  receive(stack, { sourcePort, destPort, data: bytes(data) });

describe("receiving", () => {
  test("datagrams come one by one, whole, with their senders", () => {
    const s = bound();
    expect([stack.firmware.ready(s), stack.read(s)]).toEqual([WRITABLE, EAGAIN]);
    send("first", 7001);
    receive(stack, { sourcePort: 7002, destPort: 5000, data: bytes("second") }, { source: OTHER });
    expect(stack.firmware.ready(s)).toBe(READABLE | WRITABLE);
    const from = () => [stack.firmware.peerAddress(s), stack.firmware.peerPort(s)];
    expect([from(), stack.read(s)]).toEqual([[PEER, 7001], "first"]);
    expect([from(), stack.read(s)]).toEqual([[OTHER, 7002], "second"]);
    expect([from(), stack.read(s)]).toEqual([[0, 0], EAGAIN]);
  });

  test("without copying: recv() hands the pbufs over", () => {
    const s = bound();
    send("x".repeat(300));
    const packet = stack.firmware.recv(s);
    expect(stack.firmware.lengthOf(packet)).toBe(300);
    stack.firmware.give(packet);
    expect(stack.firmware.recv(s)).toBe(0);
  });

  test("what doesn't fit the buffer is lost, not kept for the next call", () => {
    const s = bound();
    send("0123456789");
    send("next");
    expect([stack.read(s, 4), stack.read(s)]).toEqual(["0123", "next"]);
  });

  test("an empty datagram is one", () => {
    const s = bound();
    send("");
    expect(stack.firmware.ready(s) & READABLE).toBe(READABLE);
    expect([stack.read(s), stack.read(s)]).toEqual([0, EAGAIN]);
  });

  test("an odd number of bytes, over several pbufs", () => {
    const s = bound();
    const text = Array.from({ length: 601 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
    send(text);
    expect(stack.read(s)).toBe(text);
  });

  test("no checksum is none; bytes behind the datagram are none of it", () => {
    const s = bound();
    const payload = udpDatagram({ sourcePort: 1, destPort: 5000, data: bytes("bare") }, PEER, CARD);
    payload[6] = payload[7] = 0;
    stack.receive(ipPacket({ source: PEER, dest: CARD, protocol: 17, payload }));
    const whole = udpDatagram({ sourcePort: 1, destPort: 5000, data: bytes("trailed") }, PEER, CARD);
    stack.receive(
      ipPacket({ source: PEER, dest: CARD, protocol: 17, payload: Uint8Array.of(...whole, 9, 9, 9) }),
    );
    expect([stack.read(s), stack.read(s), stack.read(s)]).toEqual(["bare", "trailed", EAGAIN]);
  });

  test("each socket has its port; a closed port is unreachable", () => {
    const [a, b] = [bound(5000), bound(5001)];
    send("a", 1, 5000);
    send("b", 1, 5001);
    expect([stack.read(a), stack.read(b)]).toEqual(["a", "b"]);
    send("c", 1, 5002);
    const { protocol, payload } = stack.take();
    expect([protocol, payload[0], payload[1], checksum(payload)]).toEqual([1, 3, 3, 0]);
    expect(udpCounters(stack).noPort).toBe(1);
    stack.firmware.close(b);
    send("d", 1, 5001);
    expect(stack.take().payload[1]).toBe(3);
  });

  test("port 0 is nobody's, not that of a socket without a port", () => {
    const s = stack.firmware.datagramSocket();
    send("evil", 7000, 0);
    expect(stack.take().payload[1]).toBe(3);
    expect(stack.read(s)).toBe(EAGAIN);
  });

  test("nobody complains about a broadcast, and TCP never sees one", () => {
    const s = bound();
    receive(stack, { sourcePort: 1, destPort: 5000, data: bytes("all") }, { dest: 0xffffffff });
    receive(stack, { sourcePort: 1, destPort: 5009, data: bytes("all") }, { dest: 0xffffffff });
    stack.receive(ipPacket({ source: PEER, dest: 0xffffffff, protocol: 6, payload: new Uint8Array(20) }));
    expect(stack.read(s)).toBe("all");
    stack.expectSilence();
  });

  test("a flood is dropped beyond four, and leaves room for a frame", () => {
    const s = bound();
    for (let i = 0; i < 20; i++) send(`${i}`);
    expect(udpCounters(stack).noRoom).toBe(16);
    expect([0, 1, 2, 3, 4].map(() => stack.read(s))).toEqual(["0", "1", "2", "3", EAGAIN]);
    for (let i = 0; i < 3; i++) send("y".repeat(400));
    expect(stack.firmware.freePbufs()).toBeGreaterThanOrEqual(2);
    expect(stack.read(s)).toBe("y".repeat(400));
  });

  test("what waits at a closed socket is given back", () => {
    const s = bound();
    send("a");
    send("b");
    stack.firmware.close(s);
  });
});

describe("bad datagrams are dropped and counted", () => {
  const good = () => udpDatagram({ sourcePort: 1, destPort: 5000, data: bytes("data") }, PEER, CARD);
  const put = (payload: Uint8Array) =>
    stack.receive(ipPacket({ source: PEER, dest: CARD, protocol: 17, payload }));

  test("lengths that can't be", () => {
    const s = bound();
    for (const length of [0, 7, 13, 0xffff]) {
      const payload = good();
      new DataView(payload.buffer).setUint16(4, length);
      put(payload);
    }
    put(good().subarray(0, 7));
    put(new Uint8Array());
    expect([udpCounters(stack).badLength, stack.read(s)]).toEqual([6, EAGAIN]);
    stack.expectSilence();
  });

  test.each([0, 3, 7, 8, 11])("byte %i changed: the checksum", (at) => {
    const s = bound();
    const payload = good();
    payload[at]! ^= 0x10;
    put(payload);
    expect([udpCounters(stack).badChecksum, stack.read(s)]).toEqual([1, EAGAIN]);
    stack.expectSilence();
  });
});

describe("sending", () => {
  test("to anybody, from a port that is chosen once", () => {
    const s = stack.firmware.datagramSocket();
    expect(stack.sendto(s, "one", PEER, 7)).toBe(3);
    expect(stack.sendto(s, "three", OTHER, 8)).toBe(5);
    const [first, second] = [takeDatagram(stack), takeDatagram(stack)];
    expect([first.packet.dest, first.destPort, first.text]).toEqual([PEER, 7, "one"]);
    expect([second.packet.dest, second.destPort, second.text]).toEqual([OTHER, 8, "three"]);
    expect(first.sourcePort).toBe(second.sourcePort);
    expect(first.sourcePort).toBeGreaterThanOrEqual(49152);
    expect(first.packet.source).toBe(CARD);
  });

  test("chosen ports can't be foreseen", () => {
    const ports = Array.from({ length: 40 }, () => {
      const s = stack.firmware.datagramSocket();
      stack.sendto(s, "x", PEER, 7);
      stack.firmware.close(s);
      return takeDatagram(stack).sourcePort;
    });
    expect(new Set(ports).size).toBeGreaterThan(35);
    const steps = ports.slice(1).map((port, i) => port - ports[i]!);
    expect(new Set(steps).size).toBeGreaterThan(35);
  });

  test("a checksum that comes out as 0 is sent as FFFF", () => {
    const s = bound(5000);
    const data = new Uint8Array(2);
    const sum = checksum(udpDatagram({ sourcePort: 5000, destPort: 7, data }, CARD, PEER).fill(0, 6, 8), 0);
    const pseudo = [CARD >>> 16, CARD & 0xffff, PEER >>> 16, PEER & 0xffff, 17, 10].reduce((a, b) => a + b);
    const rest = (~sum & 0xffff) + pseudo;
    const folded = (rest & 0xffff) + (rest >>> 16);
    new DataView(data.buffer).setUint16(0, 0xffff - folded);
    stack.sendto(s, data, PEER, 7);
    expect([...takeDatagram(stack).packet.payload.subarray(6, 8)]).toEqual([255, 255]);
  });

  test("an empty datagram, and the longest; one byte more: EMSGSIZE", () => {
    const s = bound();
    expect(stack.sendto(s, "", PEER, 7)).toBe(0);
    expect(takeDatagram(stack).data).toHaveLength(0);
    const most = Math.min(1472, stack.firmware.appMemoryLength());
    expect(stack.sendto(s, new Uint8Array(most), PEER, 7)).toBe(most);
    expect(takeDatagram(stack).data).toHaveLength(most);
    expect(stack.firmware.sendto(s, stack.firmware.appMemory(), 1473, PEER, 7)).toBe(EMSGSIZE);
  });

  test("a busy link: EAGAIN, and the region is the link's meanwhile", () => {
    const s = bound();
    stack.isLineHeld = true;
    expect(stack.sendto(s, "first", PEER, 7)).toBe(5);
    expect([stack.firmware.outstanding(s), stack.firmware.ready(s)]).toEqual([1, 0]);
    expect(stack.sendto(s, "first", PEER, 7)).toBe(EAGAIN);
    stack.isLineHeld = false;
    stack.poll();
    expect([stack.firmware.outstanding(s), stack.firmware.ready(s)]).toEqual([0, WRITABLE]);
    expect(takeDatagram(stack).text).toBe("first");
    stack.expectSilence();
  });

  test("a socket number is not given out while its datagram is on the line", () => {
    const s = bound();
    stack.isLineHeld = true;
    stack.sendto(s, "tail", PEER, 7);
    stack.firmware.close(s);
    expect(stack.firmware.datagramSocket()).not.toBe(s);
    stack.isLineHeld = false;
    stack.poll();
    expect(stack.firmware.datagramSocket()).toBe(s);
    expect(takeDatagram(stack).text).toBe("tail");
  });
});

describe("arguments", () => {
  test("ports: 0, too high, taken, twice", () => {
    const s = bound();
    const other = stack.firmware.datagramSocket();
    const bind = (port: number) => stack.firmware.bind(other, port);
    expect([bind(0), bind(65536), bind(5000), bind(5001), bind(5002)]).toEqual([
      EINVAL,
      EINVAL,
      EADDRINUSE,
      0,
      EINVAL,
    ]);
    const listener = stack.listen(5000); // another protocol's ports
    expect([s, listener]).not.toContain(EADDRINUSE);
  });

  test("calls that are for streams: EBADF; and the other way round", () => {
    const s = bound();
    const f = stack.firmware;
    expect([f.listen(s, 1), f.accept(s), f.shutdown(s)]).toEqual([EBADF, EBADF, EBADF]);
    expect(f.sendto(f.socket(), 0, 1, PEER, 7)).toBe(EBADF);
    expect([f.sendto(-1, 0, 1, PEER, 7), f.sendto(99, 0, 1, PEER, 7)]).toEqual([EBADF, EBADF]);
    expect([f.sendto(s, 0, 1, 0, 7), f.sendto(s, 0, 1, PEER, 0), f.sendto(s, 0, 1, PEER, 65536)]).toEqual([
      EINVAL,
      EINVAL,
      EINVAL,
    ]);
    expect(f.send(s, 0, 1, 0)).toBe(ENOTCONN);
    expect([f.connect(s, PEER, 0), f.connect(s, PEER, 65536)]).toEqual([EINVAL, EINVAL]);
  });

  test("select() knows both kinds", () => {
    const s = bound();
    const listener = stack.listen(80);
    expect(stack.firmware.select((1 << s) | (1 << listener), 0)).toBe(0);
    expect(stack.firmware.select(0, (1 << s) | (1 << listener))).toBe(1 << s);
    send("x");
    expect(stack.firmware.select((1 << s) | (1 << listener), 0)).toBe(1 << s);
  });
});

describe("connected", () => {
  function connected(): number {
    const s = bound();
    expect(stack.firmware.connect(s, PEER, 7000)).toBe(0);
    return s;
  }

  test("it hears its peer only, and sends to it", () => {
    const s = connected();
    send("peer");
    send("wrong port", 7001);
    receive(stack, { sourcePort: 7000, destPort: 5000, data: bytes("wrong host") }, { source: OTHER });
    expect(stack.sent.splice(0).map(({ payload }) => payload[1])).toEqual([3, 3]);
    expect([stack.read(s), stack.read(s)]).toEqual(["peer", EAGAIN]);
    expect(stack.send(s, "hello")).toBe(5);
    const { packet, destPort, text } = takeDatagram(stack);
    expect([packet.dest, destPort, text]).toEqual([PEER, 7000, "hello"]);
    expect([stack.firmware.peerAddress(s), stack.firmware.peerPort(s)]).toEqual([PEER, 7000]);
  });

  test("address 0: anybody again", () => {
    const s = connected();
    expect(stack.firmware.connect(s, 0, 0)).toBe(0);
    send("anybody", 7001);
    expect([stack.read(s), stack.send(s, "x")]).toEqual(["anybody", ENOTCONN]);
  });

  test.each([
    [3, 3, ECONNREFUSED],
    [3, 2, ECONNREFUSED],
    [3, 0, EHOSTUNREACH],
    [3, 1, EHOSTUNREACH],
    [3, 13, EHOSTUNREACH],
    [11, 0, EHOSTUNREACH],
    [12, 0, EHOSTUNREACH],
  ])("ICMP %i/%i: %i, told once", (type, code, error) => {
    const s = connected();
    stack.send(s, "x");
    takeDatagram(stack);
    complain(stack, code, type);
    expect(stack.firmware.ready(s)).toBe(READABLE | WRITABLE | FAILED);
    expect([stack.read(s), stack.read(s), stack.firmware.ready(s)]).toEqual([error, EAGAIN, WRITABLE]);
    complain(stack, code, type);
    expect([stack.send(s, "y"), stack.send(s, "y")]).toEqual([error, 1]);
    takeDatagram(stack);
  });

  test("errors about other packets, and those that are none, are not believed", () => {
    const s = connected();
    const other = stack.firmware.datagramSocket();
    stack.sendto(other, "x", PEER, 7);
    takeDatagram(stack);
    complain(stack, 3); // its socket is not connected
    stack.send(s, "x");
    takeDatagram(stack);
    const quoted = stack.rawSent.at(-1)!;
    for (const at of [15, 19, 21, 23]) {
      const forged = quoted.slice();
      forged[at]! ^= 1; // addresses and ports
      complain(stack, 3, 3, forged);
    }
    complain(stack, 4); // not ours: nothing of ours forbids fragments
    complain(stack, 0, 4); // Source Quench
    expect([stack.read(s), stack.read(other)]).toEqual([EAGAIN, EAGAIN]);
    expect(udpCounters(stack).badErrors).toBe(4);
  });
});

test("a card without UDP says that its ports are closed", async () => {
  const { netModule } = await import("../support/net.ts");
  stack = new Stack(await netModule());
  expect(stack.firmware.datagramSocket()).toBe(EINVAL);
  send("x");
  expect(stack.take().payload[1]).toBe(3);
});
