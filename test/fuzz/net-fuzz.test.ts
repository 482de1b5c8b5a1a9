// Random and mutated packets against the stack, while applications come and go: it never traps, writes nothing outside
// its regions, and answers a new connection afterwards, with every buffer back. Seeded: the same cases every time.
import { expect, test } from "vitest";
import { cases } from "../support/long.ts";
import { CARD, PEER, Stack, established, netModule } from "../support/net.ts";
import { type Segment, checksum, icmpMessage, ipPacket, tcpSegment } from "../support/net-packet.ts";
import { generator } from "../support/random.ts";

const CASES = cases(50_000, 200_000);
/** Ms that pass between two cases, now and then. */
const PAUSES = [0, 0, 0, 1, 50, 300, 5000, 70_000];

class Fuzzer {
  readonly random: () => number;
  /** Numbers of the stack's last segment: without them hardly anything would be acceptable. */
  #seq = 0;
  #ack = 0;
  #ports: [number, number] = [40000, 443];

  constructor(
    readonly stack: Stack,
    seed: number,
  ) {
    this.random = generator(seed);
  }

  int(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!;
  }

  packet(): Uint8Array {
    const roll = this.random();
    if (roll < 0.05) return Uint8Array.from({ length: this.int(400) }, () => this.int(256));
    const packet = roll < 0.85 ? this.#tcp() : this.#other();
    if (this.random() < 0.4) this.#mutate(packet);
    return packet;
  }

  /** Learns from what the stack sent, as its peer would. */
  learn(): void {
    for (const bytes of this.stack.rawSent.splice(0)) {
      if (bytes[9] !== 6) continue;
      const view = new DataView(bytes.buffer, bytes.byteOffset + 20);
      this.#ports = [view.getUint16(2), view.getUint16(0)];
      this.#ack = view.getUint32(4) + bytes.length - 40 + (view.getUint8(13) & 3 ? 1 : 0);
      this.#seq = view.getUint32(8);
    }
    this.stack.sent.length = 0;
  }

  #near(number: number): number {
    return (number + this.pick([0, 0, 0, 0, 1, -1, this.int(300), -this.int(300), this.int(2 ** 32)])) >>> 0;
  }

  #tcp(): Uint8Array {
    const isNew = this.random() < 0.1;
    const segment: Segment = {
      sourcePort: isNew ? 40000 + this.int(20) : this.#ports[0],
      destPort: isNew ? this.pick([443, 80, 99]) : this.#ports[1],
      seq: this.#near(this.#seq),
      ack: this.#near(this.#ack),
      flags: isNew ? 2 : this.pick([16, 16, 16, 24, 24, 17, 25, 4, 20, 2, 18, this.int(64)]),
      window: this.pick([4096, 4096, 65535, 0, 1, 100]),
      options: this.random() < 0.2 ? Array.from({ length: 4 * this.int(11) }, () => this.int(6)) : [],
      data: new Uint8Array(this.pick([0, 0, 1, 10, 72, 216, 300, 800])).fill(65),
    };
    return ipPacket({ source: PEER, dest: CARD, payload: tcpSegment(segment, PEER, CARD) });
  }

  #other(): Uint8Array {
    const inner = this.#tcp().subarray(0, 28);
    const message = this.pick([
      icmpMessage(8, 0, new Uint8Array(this.int(900))),
      icmpMessage(3, this.int(16), [0, 0, 0, 0, ...inner]),
      icmpMessage(this.int(20), 0, new Uint8Array(this.int(60))),
    ]);
    const protocol = this.random() < 0.8 ? 1 : this.int(256);
    const options = new Array<number>(this.random() < 0.3 ? 4 * this.int(11) : 0).fill(1);
    return ipPacket({ source: PEER, dest: CARD, protocol, options, payload: message });
  }

  /** Changes a few bytes, and mostly makes the IP checksum right again so that the next layer sees them. */
  #mutate(packet: Uint8Array): void {
    for (let i = 0; i <= this.int(4); i++) packet[this.int(packet.length)] = this.int(256);
    if (this.random() < 0.3) return;
    packet[10] = packet[11] = 0;
    const sum = checksum(packet.subarray(0, Math.min((packet[0]! & 15) * 4, packet.length)));
    packet[10] = sum >> 8;
    packet[11] = sum & 255;
  }

  /** Something that an application might do. */
  act(): void {
    const { firmware } = this.stack;
    const s = this.int(7) - 1;
    const at = firmware.appMemory();
    switch (this.int(10)) {
      case 0:
        firmware.connect(firmware.socket(), PEER, 99);
        break;
      case 1:
        firmware.bind(s, this.pick([443, 80]));
        firmware.listen(s, this.int(4));
        break;
      case 2:
      case 3:
        firmware.accept(s);
        break;
      case 4:
        firmware.send(s, at, this.int(1000), this.int(2));
        break;
      case 5:
      case 6:
        firmware.recvInto(s, 1 + this.int(500));
        break;
      case 7:
        firmware.shutdown(s);
        break;
      case 8:
        if (this.random() < 0.3) firmware.close(s);
        break;
      default:
        if (this.random() < 0.1) firmware.abort(s);
    }
  }
}

test.each(["card-6k", "gateway"])("%s", { timeout: 300_000 }, async (profile) => {
  const stack = new Stack(await netModule(profile));
  const fuzzer = new Fuzzer(stack, 20_260_101);
  stack.listen(443, 2);
  let answered = 0;
  for (let i = 0; i < CASES / 2; i++) {
    stack.receive(fuzzer.packet());
    if (fuzzer.random() < 0.3) fuzzer.act();
    if (fuzzer.random() < 0.02) stack.isLineHeld = !stack.isLineHeld;
    stack.now += fuzzer.random() < 0.1 ? fuzzer.pick(PAUSES) : 0;
    answered += stack.sent.length;
    fuzzer.learn();
    if (i % 5000 === 0) stack.expectIntact();
  }
  expect(answered, "the cases reach far enough to be answered").toBeGreaterThan(CASES / 20);
  stack.tearDown();
  stack.sent.length = 0;
  const { peer, s } = established(stack);
  stack.send(s, "alive");
  peer.expect({ data: "alive" });
  stack.tearDown();
});
