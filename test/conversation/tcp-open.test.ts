// Opening a connection: LISTEN, SYN-SENT, SYN-RECEIVED (RFC 9293 sections 3.5 and 3.10.7).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readProfile } from "../../scripts/firmware.mjs";
import { FAILED, PEER, READABLE, WRITABLE, ECONNREFUSED, ETIMEDOUT, EAGAIN } from "../support/net.ts";
import { CLOSED, ESTABLISHED, FIN_WAIT_1, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from "../support/net.ts";
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

function connecting(): { peer: Peer; s: number } {
  const s = stack.firmware.socket();
  expect(stack.firmware.connect(s, PEER, 80)).toBe(0);
  const peer = new Peer(stack, 80);
  peer.expect({ flags: "S", seq: 0, options: [2, 4, 0, 216] });
  return { peer, s };
}

describe("CLOSED", () => {
  test("SYN is answered with RST of sequence number 0", () => {
    const peer = new Peer(stack, 40000, 7);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "RA", ack: 1 });
  });

  test("ACK is answered with a RST that has its number", () => {
    const peer = new Peer(stack, 40000, 7);
    peer.send({ flags: "A", seq: 5, ack: 77 });
    peer.expect({ flags: "R", seq: 77 });
  });

  test("data without ACK is answered with the length counted", () => {
    const peer = new Peer(stack, 40000, 7);
    peer.send({ flags: "F", seq: 5, data: "abc" });
    peer.expect({ flags: "RA", ack: 9 });
  });

  test("RST is not answered", () => {
    new Peer(stack, 40000, 7).send({ flags: "R", seq: 0 });
    new Peer(stack, 40000, 7).send({ flags: "RA", seq: 0, ack: 1 });
    stack.expectSilence();
  });
});

describe("LISTEN", () => {
  test("SYN: SYN-ACK with our MSS, then ESTABLISHED", () => {
    const listener = stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA", seq: 0, ack: 1, options: [2, 4, 0, 216] });
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
    expect(stack.firmware.accept(listener)).toBe(EAGAIN);
    peer.send({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
    expect(stack.firmware.ready(listener)).toBe(READABLE);
    expect(stack.firmware.accept(listener)).toBeGreaterThanOrEqual(0);
    stack.expectSilence();
  });

  test("ACK is reset, RST ignored, nothing at all ignored", () => {
    stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "R", seq: 0 });
    peer.send({ flags: "", seq: 0 });
    peer.send({ flags: "F", seq: 0 });
    stack.expectSilence();
    peer.send({ flags: "SA", seq: 0, ack: 9 });
    peer.expect({ flags: "R", seq: 9 });
  });

  test("SYN beyond the backlog is dropped in silence, and noted", () => {
    const listener = stack.listen(443, 1);
    new Peer(stack, 40000).open();
    new Peer(stack, 40001).send({ flags: "S", seq: 0 });
    stack.expectSilence();
    expect(stack.firmware.knocked(listener)).toBe(1);
    expect(stack.firmware.knocked(listener)).toBe(0);
    expect(stack.firmware.accept(listener)).toBeGreaterThanOrEqual(0);
    new Peer(stack, 40001).open();
  });

  test("backlog 0, set later: no connection more", () => {
    const listener = stack.listen(443, 1);
    expect(stack.firmware.listen(listener, 0)).toBe(0);
    new Peer(stack).send({ flags: "S", seq: 0 });
    stack.expectSilence();
    expect(stack.firmware.knocked(listener)).toBe(1);
    expect(stack.firmware.listen(listener, 1)).toBe(0);
    new Peer(stack).open();
  });

  test("no control block is free: SYN is dropped and noted", () => {
    const listener = stack.listen(443, 9);
    for (let i = 0; i < 5; i++) new Peer(stack, 40000 + i).open();
    new Peer(stack, 40009).send({ flags: "S", seq: 0 });
    stack.expectSilence();
    expect(stack.firmware.knocked(listener)).toBe(1);
  });

  test("TIME-WAIT makes way for a new connection, the oldest first", () => {
    const listener = stack.listen(443, 5);
    const peers = [0, 1, 2, 3, 4].map((i) => new Peer(stack, 40000 + i));
    for (const peer of peers) {
      peer.open();
      stack.firmware.close(stack.firmware.accept(listener));
      peer.expect({ flags: "FA", seq: 1 });
      peer.send({ flags: "FA", seq: 1, ack: 2 });
      peer.expect({ flags: "A", ack: 2 });
      stack.advance(10);
    }
    expect([0, 1, 2, 3, 4].map((i) => stack.firmware.stateOf(i))).toEqual(Array(5).fill(TIME_WAIT));
    new Peer(stack, 41000).open();
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
  });

  test.each([true, false])(
    "so do orphans that wait for the peer's word only, our FIN acknowledged: %s",
    (isAcked) => {
      const listener = stack.listen(443, 5);
      for (let i = 0; i < 5; i++) {
        const peer = new Peer(stack, 40000 + i);
        peer.open();
        stack.firmware.close(stack.firmware.accept(listener));
        peer.expect({ flags: "FA", seq: 1 });
        if (isAcked) peer.send({ seq: 1, ack: 2 });
      }
      if (!isAcked) {
        new Peer(stack, 41000).send({ flags: "S", seq: 0 });
        stack.expectSilence(); // it has only just been sent
        stack.advance(1000);
        expect(stack.sent.splice(0)).toHaveLength(5);
      }
      for (let i = 0; i < 5; i++) new Peer(stack, 42000 + i).open();
    },
  );

  test("one that still has something to say does not", () => {
    const listener = stack.listen(443, 5);
    for (let i = 0; i < 5; i++) {
      const peer = new Peer(stack, 40000 + i);
      peer.open();
      const s = stack.firmware.accept(listener);
      stack.send(s, "!");
      stack.firmware.close(s);
      peer.expect({ data: "!" });
      peer.expect({ flags: "FA", seq: 2 });
    }
    stack.advance(5000);
    stack.sent.length = 0;
    new Peer(stack, 41000).send({ flags: "S", seq: 0 });
    stack.expectSilence();
  });

  test("a segment larger than our first pbuf after the SYN's options", () => {
    const listener = stack.listen();
    const peer = new Peer(stack);
    peer.open([1, 1, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 3, 3, 7, 0, 2, 4, 1, 0, 0, 0]);
    const s = stack.firmware.accept(listener);
    stack.send(s, new Uint8Array(600));
    peer.expect({ length: 536 }); // the option behind the end of the list doesn't count
  });
});

describe("SYN-RECEIVED", () => {
  test("SYN-ACK is repeated after 1, 2, 4, 8 and 16 s, then given up", () => {
    stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    for (const wait of [1000, 2000, 4000, 8000, 16000]) {
      stack.advance(wait - 1);
      stack.expectSilence();
      stack.advance(1);
      peer.expect({ flags: "SA", seq: 0, ack: 1 });
    }
    stack.advance(32000);
    expect(stack.firmware.tcbsInUse()).toBe(0);
  });

  test("a repeated SYN is answered with the SYN-ACK again", () => {
    stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA", seq: 0, ack: 1 });
  });

  test("a wrong ACK is reset", () => {
    stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    peer.send({ flags: "A", seq: 1, ack: 5 });
    peer.expect({ flags: "R", seq: 5 });
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
  });

  test("RST: back to LISTEN, nobody is told", () => {
    const listener = stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    peer.send({ flags: "R", seq: 1 });
    expect(stack.firmware.tcbsInUse()).toBe(0);
    expect(stack.firmware.ready(listener)).toBe(0);
  });

  test.each([
    ["R", 5],
    ["S", 20],
  ])("%s in the window, not at its edge: challenged with the SYN-ACK (RFC 5961)", (flags, seq) => {
    stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA", seq: 0, ack: 1 });
    for (let i = 0; i < 9; i++) peer.send({ flags, seq });
    peer.expect({ flags: "SA", seq: 0, ack: 1 });
    stack.expectSilence(); // twice a second at most
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
    peer.send({ flags: "R", seq: 1 });
    expect(stack.firmware.stateOf(0)).toBe(CLOSED);
  });

  test("data and FIN with the ACK", () => {
    const listener = stack.listen();
    const peer = new Peer(stack);
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    peer.send({ flags: "FPA", seq: 1, ack: 1, data: "all" });
    const s = stack.firmware.accept(listener);
    expect(stack.read(s)).toBe("all");
    expect(stack.read(s)).toBe(0);
    peer.expect({ flags: "A", ack: 5 });
  });
});

describe("SYN-SENT", () => {
  test("SYN-ACK: ESTABLISHED", () => {
    const { peer, s } = connecting();
    expect(stack.firmware.ready(s)).toBe(0);
    peer.send({ flags: "SA", seq: 0, ack: 1, options: [2, 4, 0, 100] });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
    expect(stack.firmware.ready(s)).toBe(WRITABLE);
    expect([stack.firmware.peerAddress(s), stack.firmware.peerPort(s)]).toEqual([PEER, 80]);
    stack.send(s, new Uint8Array(150));
    peer.expect({ length: 100 });
  });

  test("RST with the right ACK: refused", () => {
    const { peer, s } = connecting();
    peer.send({ flags: "RA", seq: 0, ack: 1 });
    expect(stack.firmware.ready(s)).toBe(READABLE | FAILED);
    expect(stack.firmware.recvStatus(s)).toBe(ECONNREFUSED);
    stack.expectSilence();
  });

  test("RST with a wrong ACK, or none, is ignored", () => {
    const { peer } = connecting();
    peer.send({ flags: "RA", seq: 0, ack: 2 });
    peer.send({ flags: "R", seq: 0 });
    stack.expectSilence();
    expect(stack.firmware.stateOf(0)).toBe(SYN_SENT);
  });

  test("a wrong ACK is reset: an old connection's", () => {
    const { peer } = connecting();
    peer.send({ flags: "SA", seq: 300, ack: 91 });
    peer.expect({ flags: "R", seq: 91 });
    expect(stack.firmware.stateOf(0)).toBe(SYN_SENT);
    peer.send({ flags: "SA", seq: 0, ack: 1 });
    peer.expect({ flags: "A", seq: 1, ack: 1 });
  });

  test("simultaneous open", () => {
    const { peer, s } = connecting();
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA", seq: 0, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(SYN_RECEIVED);
    peer.send({ flags: "SA", seq: 0, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
    expect(stack.firmware.ready(s)).toBe(WRITABLE);
    stack.expectSilence();
  });

  test("close during a simultaneous open: FIN once it is done", () => {
    const { peer, s } = connecting();
    peer.send({ flags: "S", seq: 0 });
    peer.expect({ flags: "SA" });
    stack.firmware.close(s);
    stack.expectSilence();
    peer.send({ flags: "A", seq: 1, ack: 1 });
    peer.expect({ flags: "FA", seq: 1, ack: 1 });
    expect(stack.firmware.stateOf(0)).toBe(FIN_WAIT_1);
  });

  test("SYN is repeated with backoff, then the socket times out", () => {
    const { peer, s } = connecting();
    for (const wait of [1000, 2000, 4000, 8000, 16000, 32000]) {
      stack.advance(wait);
      peer.expect({ flags: "S", seq: 0 });
    }
    stack.advance(60000);
    stack.expectSilence();
    expect(stack.firmware.recvStatus(s)).toBe(ETIMEDOUT);
  });

  test("close: nothing is sent, the block is free", () => {
    const { s } = connecting();
    stack.firmware.close(s);
    stack.expectSilence();
    expect(stack.firmware.tcbsInUse()).toBe(0);
  });
});

test("the gateway repeats a dropped SYN soon: the card it speaks to is near", async () => {
  const gateway = new Stack(await netModule("gateway"));
  gateway.firmware.connect(gateway.firmware.socket(), PEER, 443);
  const peer = new Peer(gateway, 443);
  peer.expect({ flags: "S", options: [2, 4, 5, 0xb4] });
  const { TCP_SYN_RTO = 0, TCP_SYN_RTO_MAX = 0 } = readProfile("gateway");
  expect(TCP_SYN_RTO_MAX).toBeLessThan(1000);
  for (let i = 0; i < 6; i++) {
    const wait = Math.min(TCP_SYN_RTO * 2 ** i, TCP_SYN_RTO_MAX);
    gateway.advance(wait - 1);
    gateway.expectSilence();
    gateway.advance(1);
    peer.expect({ flags: "S", seq: 0 });
  }
  peer.send({ flags: "SA", seq: 0, ack: 1 });
  peer.expect({ flags: "A", seq: 1, ack: 1 });
  gateway.tearDown();
});

describe("initial sequence numbers (RFC 6528)", () => {
  test("differ by connection and grow by the 4 µs clock", () => {
    stack.listen(443, 5);
    const first = new Peer(stack, 40000);
    const second = new Peer(stack, 40001);
    first.send({ flags: "S", seq: 0 });
    const iss = first.expect({ flags: "SA" }).seq;
    second.send({ flags: "S", seq: 0 });
    expect(second.expect({ flags: "SA" }).seq).not.toBe(iss);
    first.send({ flags: "R", seq: 1 });
    stack.now += 100;
    first.send({ flags: "S", seq: 0 });
    expect((first.expect({ flags: "SA" }).seq - iss) >>> 0).toBe(25000);
  });
});

test("TIME-WAIT: a SYN beyond the old numbers opens anew", () => {
  const { peer, s } = established(stack);
  stack.firmware.close(s);
  peer.expect({ flags: "FA" });
  peer.send({ flags: "FA", seq: 1, ack: 2 });
  peer.expect({ flags: "A", ack: 2 });
  peer.iss += 1000;
  peer.open();
  expect(stack.firmware.stateOf(0)).toBe(ESTABLISHED);
});
