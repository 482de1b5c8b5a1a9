// The socket API: its results, its errors, select().
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNRESET,
  EINVAL,
  EMFILE,
  ENOTCONN,
  EPIPE,
  PEER,
} from "../support/net.ts";
import { FAILED, READABLE, WRITABLE } from "../support/net.ts";
import { Peer, Stack, established, netModule } from "../support/net.ts";

let module: WebAssembly.Module;
let stack: Stack;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
});
afterEach(() => stack.tearDown());

describe("arguments", () => {
  test("six sockets, then EMFILE; one closed, one more", () => {
    expect([0, 1, 2, 3, 4, 5].map(() => stack.firmware.socket())).toEqual([0, 1, 2, 3, 4, 5]);
    expect(stack.firmware.socket()).toBe(EMFILE);
    expect(stack.firmware.close(3)).toBe(0);
    expect(stack.firmware.socket()).toBe(3);
  });

  test("no such socket: EBADF from every call", () => {
    for (const s of [-1, 0, 5, 6, 1000, -2147483648]) {
      const f = stack.firmware;
      const results = [f.bind(s, 1), f.listen(s, 1), f.accept(s), f.connect(s, PEER, 1), f.send(s, 0, 1, 0)];
      results.push(f.recvStatus(s), f.recvInto(s, 1), f.shutdown(s), f.close(s), f.abort(s));
      expect(results).toEqual(results.map(() => EBADF));
      expect([f.recv(s), f.ready(s), f.outstanding(s)]).toEqual([0, 0, 0]);
      expect([f.peerAddress(s), f.peerPort(s), f.knocked(s)]).toEqual([0, 0, 0]);
    }
  });

  test("two listeners at one port: EADDRINUSE", () => {
    stack.listen(80);
    const s = stack.firmware.socket();
    expect(stack.firmware.bind(s, 80)).toBe(EADDRINUSE);
    expect(stack.firmware.bind(s, 81)).toBe(0);
    const t = stack.firmware.socket();
    expect(stack.firmware.bind(t, 81)).toBe(0);
    expect(stack.firmware.listen(s, 1)).toBe(0);
    expect(stack.firmware.listen(t, 1)).toBe(EADDRINUSE);
  });

  test("ports that are none, listening without one", () => {
    const s = stack.firmware.socket();
    expect([stack.firmware.bind(s, 0), stack.firmware.bind(s, 65536), stack.firmware.listen(s, 1)]).toEqual([
      EINVAL,
      EINVAL,
      EINVAL,
    ]);
    expect([stack.firmware.connect(s, 0, 80), stack.firmware.connect(s, PEER, 0)]).toEqual([EINVAL, EINVAL]);
  });

  test("a listener doesn't send, receive or connect", () => {
    const s = stack.listen();
    expect([
      stack.firmware.send(s, 0, 1, 0),
      stack.firmware.recvStatus(s),
      stack.firmware.connect(s, 1, 1),
    ]).toEqual([EBADF, EBADF, EBADF]);
  });

  test("a socket that never connected", () => {
    const s = stack.firmware.socket();
    expect([stack.send(s, "x"), stack.read(s), stack.firmware.shutdown(s)]).toEqual([
      ENOTCONN,
      ENOTCONN,
      ENOTCONN,
    ]);
    expect(stack.firmware.ready(s)).toBe(0);
  });

  test("connect twice: EINVAL; send meanwhile: EAGAIN", () => {
    const s = stack.firmware.socket();
    expect(stack.firmware.connect(s, PEER, 80)).toBe(0);
    expect(stack.firmware.connect(s, PEER, 80)).toBe(EINVAL);
    expect(stack.send(s, "x")).toBe(EAGAIN);
    expect(stack.read(s)).toBe(EAGAIN);
    stack.sent.length = 0;
  });

  test("no control block: EMFILE", () => {
    const listener = stack.listen(443, 5);
    for (let i = 0; i < 5; i++) new Peer(stack, 40000 + i).open();
    const s = stack.firmware.socket();
    expect(stack.firmware.connect(s, PEER, 80)).toBe(EMFILE);
    stack.firmware.close(listener);
    stack.poll();
    stack.sent.length = 0;
    expect(stack.firmware.connect(s, PEER, 80)).toBe(0);
    stack.poll();
    stack.sent.length = 0;
  });

  test("connect from a bound port; dynamic ports differ", () => {
    const bound = stack.firmware.socket();
    stack.firmware.bind(bound, 1234);
    stack.firmware.connect(bound, PEER, 80);
    expect(new Peer(stack, 80).expect({ flags: "S" }).sourcePort).toBe(1234);
    const ports = [0, 1].map(() => {
      stack.firmware.connect(stack.firmware.socket(), PEER, 80);
      return new Peer(stack, 80).expect({ flags: "S" }).sourcePort;
    });
    expect(ports[0]).toBeGreaterThanOrEqual(49152);
    expect(ports[1]).not.toBe(ports[0]);
  });
});

describe("accept and several connections", () => {
  test("each socket has its own peer and data", () => {
    const listener = stack.listen(443, 3);
    const peers = [0, 1, 2].map((i) => new Peer(stack, 40000 + i));
    peers.forEach((peer) => peer.open());
    const sockets = peers.map(() => stack.firmware.accept(listener));
    expect(stack.firmware.accept(listener)).toBe(EAGAIN);
    peers.forEach((peer, i) => peer.send({ flags: "PA", seq: 1, ack: 1, data: `to ${i}` }));
    expect(sockets.map((s) => [stack.firmware.peerPort(s), stack.read(s)])).toEqual([
      [40000, "to 0"],
      [40001, "to 1"],
      [40002, "to 2"],
    ]);
  });

  test("connections take turns on the link", () => {
    const listener = stack.listen(443, 2);
    const peers = [0, 1].map((i) => new Peer(stack, 40000 + i));
    peers.forEach((peer) => peer.open([2, 4, 0, 50]));
    stack.isLineHeld = true;
    const [a, b] = peers.map(() => stack.firmware.accept(listener));
    stack.send(a!, "a".repeat(150));
    stack.send(b!, "b".repeat(150), 0, 200);
    stack.isLineHeld = false;
    stack.poll();
    const letters = stack.sent.splice(0).map(({ payload }) => String.fromCharCode(payload[20]!));
    expect(letters).toEqual(["a", "b", "a", "b", "a", "b"]);
  });

  test("all sockets taken: accept says EMFILE and the connection waits", () => {
    const listener = stack.listen();
    const rest = [0, 1, 2, 3, 4].map(() => stack.firmware.socket());
    new Peer(stack).open();
    expect(stack.firmware.accept(listener)).toBe(EMFILE);
    stack.firmware.close(rest[0]!);
    expect(stack.firmware.accept(listener)).toBe(rest[0]);
  });

  test("a connection that waits keeps what arrives", () => {
    const listener = stack.listen();
    const peer = new Peer(stack);
    peer.open();
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "early" });
    expect(stack.read(stack.firmware.accept(listener))).toBe("early");
  });
});

describe("ready and select", () => {
  test("bits follow the connection", () => {
    const { peer, s, listener } = established(stack);
    expect(stack.firmware.ready(s)).toBe(WRITABLE);
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "x" });
    expect(stack.firmware.ready(s)).toBe(READABLE | WRITABLE);
    expect(stack.firmware.select(1 << s, 0)).toBe(1 << s);
    expect(stack.firmware.select(1 << listener, 1 << listener)).toBe(0);
    stack.read(s);
    expect(stack.firmware.select(1 << s, 0)).toBe(0);
    expect(stack.firmware.select(1 << s, 1 << s)).toBe(1 << s);
    stack.send(s, "y");
    expect(stack.firmware.select(1 << s, 1 << s)).toBe(0);
    peer.expect({ data: "y" });
    peer.send({ flags: "R", seq: 2 });
    expect(stack.firmware.ready(s)).toBe(READABLE | FAILED);
    expect(stack.firmware.select(0, 1 << s)).toBe(1 << s);
    expect(stack.read(s)).toBe(ECONNRESET);
    expect(stack.firmware.ready(s)).toBe(0);
  });

  test("an orderly end is readable, and stays", () => {
    const { peer, s } = established(stack);
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    peer.expect({ flags: "A" });
    for (let i = 0; i < 3; i++)
      expect([stack.firmware.ready(s) & READABLE, stack.read(s)]).toEqual([READABLE, 0]);
    stack.firmware.shutdown(s);
    peer.expect({ flags: "FA" });
    peer.send({ seq: 2, ack: 2 });
    for (let i = 0; i < 3; i++) expect(stack.read(s)).toBe(0);
    expect(stack.send(s, "x")).toBe(EPIPE);
  });

  test("a waiting connection makes the listener readable", () => {
    const listener = stack.listen();
    new Peer(stack).open();
    expect(stack.firmware.select(0xff, 0xff)).toBe(1 << listener);
  });
});

describe("regions", () => {
  test("recvInto in small pieces", () => {
    const { peer, s } = established(stack);
    peer.send({ flags: "PA", seq: 1, ack: 1, length: 200 });
    let text = "";
    for (let piece = stack.read(s, 7); typeof piece === "string"; piece = stack.read(s, 7)) text += piece;
    expect(text).toHaveLength(200);
    expect(text.slice(24, 28)).toBe("yzab");
    stack.sent.length = 0;
  });

  test("an empty region is sent at once", () => {
    const { s } = established(stack);
    expect(stack.firmware.send(s, stack.firmware.appMemory(), 0, 0)).toBe(0);
    expect(stack.firmware.outstanding(s)).toBe(0);
    stack.expectSilence();
  });

  test("a socket number is not given out while its region is being read", () => {
    const { peer, s } = established(stack);
    stack.send(s, "tail");
    stack.firmware.close(s);
    peer.expect({ data: "tail" });
    peer.expect({ flags: "FA" });
    expect(stack.firmware.outstanding(s)).toBe(4);
    expect(stack.firmware.socket()).not.toBe(s);
    peer.send({ seq: 1, ack: 6 });
    expect(stack.firmware.outstanding(s)).toBe(0);
    expect(stack.firmware.socket()).toBe(s);
  });
});
