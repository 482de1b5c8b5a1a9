// Closing a connection, in order and not: FIN-WAIT-1 to TIME-WAIT, CLOSE-WAIT, LAST-ACK, CLOSING, resets (RFC 9293
// sections 3.6 and 3.10.7.4).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  CLOSED,
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
} from "../support/net.ts";
import {
  EAGAIN,
  EBADF,
  ECONNRESET,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
  READABLE,
  TIME_WAIT,
} from "../support/net.ts";
import { FAILED, Peer, Stack, established, netModule } from "../support/net.ts";

let module: WebAssembly.Module;
let stack: Stack;
let peer: Peer;
let s: number;

beforeAll(async () => {
  module = await netModule();
});
beforeEach(() => {
  stack = new Stack(module);
  ({ peer, s } = established(stack));
});
afterEach(() => stack.tearDown());

function state(): number {
  return stack.firmware.stateOf(0);
}

describe("we close first", () => {
  test("ESTABLISHED, close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, gone after 60 s", () => {
    expect(stack.firmware.close(s)).toBe(0);
    peer.expect({ flags: "FA", seq: 1, ack: 1 });
    expect(state()).toBe(FIN_WAIT_1);
    peer.send({ seq: 1, ack: 2 });
    expect(state()).toBe(FIN_WAIT_2);
    peer.send({ flags: "FA", seq: 1, ack: 2 });
    peer.expect({ flags: "A", seq: 2, ack: 2 });
    expect(state()).toBe(TIME_WAIT);
    stack.advance(59_999);
    expect(state()).toBe(TIME_WAIT);
    stack.advance(1);
    expect(state()).toBe(CLOSED);
    stack.expectSilence();
  });

  test("FIN stands behind the region, and both are repeated", () => {
    stack.send(s, "last words");
    stack.firmware.close(s);
    peer.expect({ flags: "PA", seq: 1, data: "last words" });
    peer.expect({ flags: "FA", seq: 11 });
    stack.advance(1000);
    peer.expect({ flags: "FPA", seq: 1, data: "last words" });
    expect(stack.firmware.outstanding(s)).toBe(10);
    peer.send({ seq: 1, ack: 12 });
    expect(stack.firmware.outstanding(s)).toBe(0);
    expect(state()).toBe(FIN_WAIT_2);
  });

  test("FIN-WAIT-1, FIN without our ACK: CLOSING, then TIME-WAIT", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA", seq: 1 });
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    peer.expect({ flags: "A", seq: 2, ack: 2 });
    expect(state()).toBe(CLOSING);
    peer.send({ seq: 2, ack: 2 });
    expect(state()).toBe(TIME_WAIT);
  });

  test("FIN-WAIT-1, FIN with our ACK: TIME-WAIT at once", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    peer.send({ flags: "FA", seq: 1, ack: 2 });
    peer.expect({ flags: "A", ack: 2 });
    expect(state()).toBe(TIME_WAIT);
  });

  test.each([
    [FIN_WAIT_1, 1],
    [FIN_WAIT_2, 2],
  ])("state %i, data for nobody: acknowledged, no RST, and the FIN behind them counts", (waiting, ack) => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    peer.send({ flags: "PA", seq: 1, ack, data: "too late" });
    expect(state()).toBe(waiting);
    stack.advance(40);
    peer.expect({ flags: "A", seq: 2, ack: 9 });
    peer.send({ flags: "PA", seq: 5, ack, data: "late again" });
    peer.send({ flags: "FA", seq: 15, ack: 2 });
    peer.expect({ flags: "A", seq: 2, ack: 16 });
    expect(state()).toBe(TIME_WAIT);
  });

  test("data for nobody out of order, or beyond the window, are not acknowledged", () => {
    stack.firmware.close(s);
    const { window } = peer.expect({ flags: "FA" });
    peer.send({ flags: "PA", seq: 9, ack: 2, data: "too far" });
    peer.expect({ flags: "A", ack: 1 });
    peer.send({ flags: "PA", seq: 1, ack: 2, length: window + 20 });
    peer.expect({ flags: "A", ack: 1 + window });
  });

  test("a peer that goes on sending to nobody is reset after 20 s, and holds no pbuf", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    const free = stack.firmware.freePbufs();
    for (let i = 0; i < 40; i++) {
      peer.send({ flags: "A", seq: 1 + 216 * i, ack: 2, length: 216 });
      expect(stack.firmware.freePbufs()).toBe(free);
      stack.advance(500);
      if (i < 39) peer.expect({ flags: "A", seq: 2, ack: 217 + 216 * i });
    }
    peer.expect({ flags: "A", ack: 1 + 216 * 40 });
    peer.expect({ flags: "RA", seq: 2 });
    expect(state()).toBe(CLOSED);
  });

  test("FIN-WAIT-2 that nobody reads ends after 20 s", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    peer.send({ seq: 1, ack: 2 });
    stack.advance(20_000);
    expect(state()).toBe(CLOSED);
    stack.expectSilence();
  });

  test("shutdown: still reading until the peer's FIN", () => {
    expect(stack.firmware.shutdown(s)).toBe(0);
    peer.expect({ flags: "FA", seq: 1 });
    expect(stack.send(s, "no")).toBe(EPIPE);
    peer.send({ flags: "PA", seq: 1, ack: 2, data: "still" });
    expect(stack.read(s)).toBe("still");
    stack.advance(40);
    peer.expect({ flags: "A", seq: 2, ack: 6 });
    expect(stack.read(s)).toBe(EAGAIN);
    peer.send({ flags: "FPA", seq: 6, ack: 2, data: "end" });
    peer.expect({ flags: "A", ack: 10 });
    expect(stack.read(s)).toBe("end");
    expect(stack.read(s)).toBe(0);
    stack.advance(60_000);
    expect(stack.read(s)).toBe(0);
  });

  test("TIME-WAIT, FIN again: ACK again, the wait starts anew", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    peer.send({ flags: "FA", seq: 1, ack: 2 });
    peer.expect({ flags: "A", ack: 2 });
    stack.advance(50_000);
    peer.send({ flags: "FA", seq: 1, ack: 2 });
    peer.expect({ flags: "A", seq: 2, ack: 2 });
    stack.advance(50_000);
    expect(state()).toBe(TIME_WAIT);
  });

  test("nobody acknowledges our FIN: given up", () => {
    stack.firmware.close(s);
    stack.advance(63_000);
    expect(stack.sent.splice(0)).toHaveLength(6);
    expect(state()).toBe(CLOSED);
  });
});

describe("the peer closes first", () => {
  test("CLOSE-WAIT, close: LAST-ACK, CLOSED", () => {
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    peer.expect({ flags: "A", seq: 1, ack: 2 });
    expect(state()).toBe(CLOSE_WAIT);
    expect(stack.firmware.ready(s) & READABLE).toBe(READABLE);
    expect(stack.read(s)).toBe(0);
    stack.send(s, "bye");
    peer.expect({ flags: "PA", seq: 1, data: "bye" });
    stack.firmware.close(s);
    peer.expect({ flags: "FA", seq: 4, ack: 2 });
    expect(state()).toBe(LAST_ACK);
    peer.send({ seq: 2, ack: 4 });
    expect(state()).toBe(LAST_ACK);
    peer.send({ seq: 2, ack: 5 });
    expect(state()).toBe(CLOSED);
    stack.expectSilence();
  });

  test("data before the FIN is read first", () => {
    peer.send({ flags: "FPA", seq: 1, ack: 1, data: "the end" });
    peer.expect({ flags: "A", ack: 9 });
    expect(stack.firmware.recvStatus(s)).toBe(EAGAIN);
    expect(stack.read(s)).toBe("the end");
    expect(stack.firmware.recvStatus(s)).toBe(0);
  });

  test("FIN out of order waits for what is missing", () => {
    peer.send({ flags: "FA", seq: 4, ack: 1 });
    peer.expect({ flags: "A", ack: 1 });
    expect(state()).toBe(ESTABLISHED);
    peer.send({ flags: "FPA", seq: 1, ack: 1, data: "abc" });
    peer.expect({ flags: "A", ack: 5 });
    expect(state()).toBe(CLOSE_WAIT);
  });

  test("shutdown in CLOSE-WAIT: unread data outlives the connection", () => {
    peer.send({ flags: "FPA", seq: 1, ack: 1, data: "keep" });
    peer.expect({ flags: "A", ack: 6 });
    stack.firmware.shutdown(s);
    peer.expect({ flags: "FA", seq: 1 });
    peer.send({ seq: 6, ack: 2 });
    expect(state()).toBe(CLOSED);
    expect(stack.firmware.tcbsInUse()).toBe(1);
    expect(stack.read(s, 2)).toBe("ke");
    expect(stack.read(s)).toBe("ep");
    expect(stack.firmware.tcbsInUse()).toBe(0);
    expect(stack.read(s)).toBe(0);
    expect(stack.firmware.close(s)).toBe(0);
  });

  test("LAST-ACK, FIN repeated until acknowledged", () => {
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    peer.expect({ flags: "A" });
    stack.firmware.close(s);
    peer.expect({ flags: "FA", seq: 1, ack: 2 });
    stack.advance(1000);
    peer.expect({ flags: "FA", seq: 1, ack: 2 });
    peer.send({ flags: "A", seq: 2, ack: 2 });
    expect(state()).toBe(CLOSED);
  });

  test("data after its FIN is not taken", () => {
    peer.send({ flags: "FA", seq: 1, ack: 1 });
    peer.expect({ flags: "A", ack: 2 });
    peer.send({ flags: "PA", seq: 2, ack: 1, data: "zombie" });
    peer.expect({ flags: "A", ack: 2 });
    expect(stack.read(s)).toBe(0);
  });
});

describe("resets", () => {
  test("RST: the socket learns it once, what was received is gone", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "unread" });
    peer.send({ flags: "R", seq: 7 });
    expect(stack.firmware.ready(s)).toBe(READABLE | FAILED);
    expect(stack.read(s)).toBe(ECONNRESET);
    expect(stack.read(s)).toBe(ENOTCONN);
    expect(stack.send(s, "x")).toBe(ENOTCONN);
    stack.expectSilence();
  });

  test("close with unread data: RST", () => {
    peer.send({ flags: "PA", seq: 1, ack: 1, data: "unread" });
    stack.firmware.close(s);
    peer.expect({ flags: "RA", seq: 1, ack: 7 });
    expect(stack.firmware.tcbsInUse()).toBe(0);
  });

  test("abort: RST, and the region is free at once", () => {
    stack.send(s, "never mind");
    peer.expect({ data: "never mind" });
    stack.firmware.abort(s);
    expect(stack.firmware.outstanding(s)).toBe(0);
    peer.expect({ flags: "RA", seq: 11 });
    expect(stack.firmware.recvStatus(s)).toBe(EBADF);
    peer.send({ seq: 1, ack: 11 });
    peer.expect({ flags: "R", seq: 11 });
  });

  test("abort while the link is busy: RST when it is free", () => {
    stack.isLineHeld = true;
    stack.send(s, "held");
    stack.firmware.abort(s);
    stack.poll();
    expect(stack.firmware.outstanding(s)).toBe(1);
    stack.isLineHeld = false;
    peer.expect({ data: "held" });
    peer.expect({ flags: "RA", seq: 5 });
    expect(stack.firmware.outstanding(s)).toBe(0);
  });

  test("a listener that closes resets who waits for it", () => {
    const other = stack.listen(80);
    const waiting = new Peer(stack, 41000, 80);
    waiting.open();
    stack.firmware.close(other);
    waiting.expect({ flags: "RA", seq: 1 });
  });

  test("RST in TIME-WAIT ends it", () => {
    stack.firmware.close(s);
    peer.expect({ flags: "FA" });
    peer.send({ flags: "FA", seq: 1, ack: 2 });
    peer.expect({ flags: "A" });
    peer.send({ flags: "R", seq: 2 });
    expect(state()).toBe(CLOSED);
  });

  test("a silent peer of a closed window and no reader: given up", () => {
    peer.send({ seq: 1, ack: 1, window: 0 });
    stack.send(s, "stuck");
    stack.firmware.close(s);
    stack.advance(300_000);
    expect(state()).toBe(CLOSED);
    stack.sent.length = 0;
  });

  test("both silent: keep-alive ends it, the socket learns", () => {
    stack.advance(200_000);
    stack.sent.length = 0;
    expect(stack.firmware.recvStatus(s)).toBe(ETIMEDOUT);
  });
});
