// ISO 7816-3 T=0 between the card's side, character by character, and hostile or patient readers; then with ours.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Chip } from "../../host/chip/chip.ts";
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { parseAtr } from "../../host/reader/atr.ts";
import { CharacterLine } from "../../host/reader/character-line.ts";
import { VirtualClock } from "../../host/reader/clock.ts";
import { ChipContacts, type Contacts } from "../../host/reader/contacts.ts";
import { T0Reader } from "../../host/reader/t0-reader.ts";
import { build } from "../support/firmware.ts";
import { type Link, WIRINGS, buildLink } from "../support/link.ts";

const ATR = [0x3b, 0x17, 0x97, ...Buffer.from("netcard")];

let makeCard: () => Link;
let module: WebAssembly.Module;
let card: Link;
beforeAll(async () => {
  makeCard = await buildLink("iso7816");
  module = await build("test/firmware/link.ts", WIRINGS.iso7816);
});
beforeEach(() => {
  card = makeCard();
  expect(card.run()).toEqual(ATR);
});

function say(...bytes: number[]): number[] {
  card.receive(bytes);
  return card.run();
}

describe("the card", () => {
  test("a command with data: ACK after the header, status after the data", () => {
    expect(say(0x80, 0x10, 1, 2)).toEqual([]);
    expect(say(2)).toEqual([0x10]);
    expect(say(0xaa)).toEqual([]);
    expect(say(0xbb)).toEqual([0x61, 2]);
  });

  test("GET RESPONSE: whole, in pieces, too much, and once only", () => {
    say(0x80, 0x10, 0, 0, 3);
    say(7, 8, 9);
    expect(say(0x80, 0xc0, 0, 0, 9)).toEqual([0x6c, 3]);
    expect(say(0x80, 0xc0, 0, 0, 2)).toEqual([0xc0, 7, 8, 0x61, 1]);
    expect(say(0x80, 0xc0, 0, 0, 1)).toEqual([0xc0, 9, 0x90, 0]);
    expect(say(0x80, 0xc0, 0, 0, 1)).toEqual([0x69, 0x85]);
    say(0x80, 0x10, 0, 0, 1);
    say(7);
    say(0x80, 0x20, 0, 0, 0); // another command: the response is forgotten
    expect(say(0x80, 0xc0, 0, 0, 1)).toEqual([0x69, 0x85]);
  });

  test("an outgoing command: 6Cxx until P3 is right, 0 meaning 256", () => {
    expect(say(0x80, 0xca, 3, 0, 0)).toEqual([0x6c, 3]);
    expect(say(0x80, 0xca, 3, 0, 3)).toHaveLength(1 + 3 + 2);
    expect(say(0x80, 0xca, 0, 0, 9)).toEqual([0x6c, 0]);
    const whole = say(0x80, 0xca, 0, 0, 0);
    expect(whole).toHaveLength(1 + 256 + 2);
    expect([whole[0], ...whole.slice(-2)]).toEqual([0xca, 0x90, 0]);
  });

  test("no data, unknown class, instructions that would be status words", () => {
    expect(say(0x80, 0x20, 0, 0, 0)).toEqual([0x90, 0]);
    expect(say(0x00, 0x20, 0, 0, 0)).toEqual([0x6e, 0]);
    for (const ins of [0x60, 0x6c, 0x90, 0x9f]) expect(say(0x80, ins, 0, 0, 1)).toEqual([0x6d, 0]);
    expect(say(0x12, 0x20, 0, 0, 1)).toEqual([0x6d, 0]);
  });

  test("PPS: granted, refused, damaged, with every optional byte", () => {
    expect(say(0xff, 0x10, 0x97, 0xff ^ 0x10 ^ 0x97)).toEqual([0xff, 0x10, 0x97, 0x78]);
    expect(say(0xff, 0x10, 0x11, 0xfe)).toEqual([0xff, 0x10, 0x11, 0xfe]);
    expect(say(0xff, 0x10, 0x18, 0xf7)).toEqual([0xff, 0x00, 0xff]);
    expect(say(0xff, 0x00, 0xff)).toEqual([0xff, 0x00, 0xff]);
    expect(say(0xff, 0x70, 0x97, 1, 2, 0xff ^ 0x70 ^ 0x97 ^ 1 ^ 2)).toEqual([0xff, 0x10, 0x97, 0x78]);
    expect(say(0xff, 0x10, 0x97, 0x00)).toEqual([]);
    expect(say(0xff, 0x11, 0x97, 0xff ^ 0x11 ^ 0x97)).toEqual([]);
    expect(say(0x80, 0x20, 0, 0, 0)).toEqual([0x90, 0]);
  });

  test("while the layer above thinks, NULL every half second; the answer comes all the same", () => {
    card.receive([0x80, 0x20, 0, 0, 0]);
    for (let tick = 0; tick < 11; tick++) card.exports.timer();
    expect(card.output.splice(0)).toEqual([0x60, 0x60]);
    expect(card.run()).toEqual([0x90, 0]);
    for (let tick = 0; tick < 200; tick++) card.exports.timer();
    expect(card.output).toEqual([]);
  });

  test("a command that stops halfway is forgotten after five silent seconds, in every place", () => {
    const command = [0x80, 0x10, 0, 0, 2, 1];
    const slowly = (bytes: number[]) => bytes.flatMap((byte) => say(byte));
    for (let length = 1; length <= command.length; length++) {
      slowly(command.slice(0, length));
      for (let tick = 0; tick < 49; tick++) card.exports.timer();
      const rest = slowly([...command.slice(length), 2]);
      expect(rest.slice(-2)).toEqual([0x61, 2]); // a pause is no silence
      slowly(command.slice(0, length));
      for (let tick = 0; tick < 50; tick++) card.exports.timer();
      expect(say(0x80, 0x20, 0, 0, 0)).toEqual([0x90, 0]);
    }
    say(0xff, 0x10);
    for (let tick = 0; tick < 50; tick++) card.exports.timer();
    expect(say(0x80, 0x20, 0, 0, 0)).toEqual([0x90, 0]);
  });

  test("a reader that talks out of turn is not heard", () => {
    card.receive([0x80, 0x20, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
    expect(card.run()).toEqual([0x90, 0]);
    expect(say(0x80, 0x20, 0, 0, 0)).toEqual([0x90, 0]);
  });

  test("a line that takes one character at a time, now and then", () => {
    let credit = 0;
    card.takesByte = () => credit-- > 0;
    const slowly = (...bytes: number[]) => {
      card.receive(bytes);
      const heard: number[] = [];
      for (let i = 0; i < 600; i++) {
        credit = i % 2;
        card.exports.step();
        heard.push(...card.output.splice(0));
      }
      return heard;
    };
    expect(slowly(0x80, 0xca, 0, 0, 0)).toHaveLength(259);
    expect(slowly(0x80, 0x10, 0, 0, 1)).toEqual([0x10]);
    expect(slowly(5)).toEqual([0x61, 1]);
    expect(slowly(0x80, 0xc0, 0, 0, 1)).toEqual([0xc0, 5, 0x90, 0]);
  });
});

describe("ATR", () => {
  test("interface bytes, historical bytes and check byte", () => {
    expect(parseAtr(ATR)).toMatchObject({ ta1: 0x97, protocols: [0], workWaiting: 10 });
    expect(Buffer.from(parseAtr(ATR)!.historical).toString()).toBe("netcard");
    expect(parseAtr([0x3b, 0x00])).toMatchObject({ ta1: 0x11, protocols: [0] });
    expect(parseAtr([0x3b, 0x80, 0x80, 0x01, 0x01])).toMatchObject({ protocols: [0, 1] });
    expect(parseAtr([0x3b, 0x80, 0x40, 0x20])).toMatchObject({ protocols: [0], workWaiting: 0x20 });
  });

  test("incomplete ones are waited for, impossible ones refused", () => {
    for (let length = 0; length < ATR.length; length++) expect(parseAtr(ATR.slice(0, length))).toBeNull();
    expect(() => parseAtr([0x3f])).toThrow(/begins with 3F/);
    expect(() => parseAtr([0x3b, 0x80, 0x80, 0x01, 0x02])).toThrow(/check byte/);
    expect(() => parseAtr([0x3b, 0x8f, ...Array<number>(32).fill(0x80)])).toThrow(/longer/);
  });
});

/** A card that says what a test has written down. */
class ScriptedContacts implements Contacts {
  onCharacter: (byte: number) => void = () => undefined;
  onGone: (reason: Error) => void = () => undefined;
  heard: number[] = [];

  /** @param script what the card says once it has heard so many characters in all */
  constructor(readonly script: Record<number, number[]>) {}

  write(byte: number): void {
    this.heard.push(byte);
    const says = this.script[this.heard.length];
    if (says) setImmediate(() => says.forEach((character) => this.onCharacter(character)));
  }
  flush(): void {}
  reset(): void {
    setImmediate(() => this.script[0]?.forEach((character) => this.onCharacter(character)));
  }
}

function scripted(script: Record<number, number[]>): { reader: T0Reader; contacts: ScriptedContacts } {
  const contacts = new ScriptedContacts(script);
  return { contacts, reader: new T0Reader({ line: new CharacterLine(contacts), workWaitingMs: 100 }) };
}

describe("the reader", () => {
  const apdu = Uint8Array.of(0x80, 0x10, 0, 0, 3, 1, 2, 3);

  test("sends single bytes for INS ^ FF, all for INS, and waits at NULL", async () => {
    const { reader, contacts } = scripted({
      5: [0x60, 0xef],
      6: [0x60, 0x60, 0xef],
      7: [0x10],
      8: [0x60, 0x90, 0x00],
    });
    expect(await reader.transmit(apdu)).toEqual({ data: new Uint8Array(0), sw: 0x9000 });
    expect(contacts.heard).toEqual([...apdu]);
  });

  test("takes single bytes and the rest", async () => {
    const { reader } = scripted({ 5: [0x4f, 0xa1, 0x60, 0xb0, 0xa2, 0xa3, 0x90, 0x00] });
    const { data } = await reader.transmit(Uint8Array.of(0x80, 0xb0, 0, 0, 3));
    expect([...data]).toEqual([0xa1, 0xa2, 0xa3]);
  });

  test("fetches what 61xx announces, repeats what 6Cxx corrects", async () => {
    const long = scripted({ 5: [0x10], 8: [0x61, 2], 13: [0xc0, 5, 6, 0x61, 1], 18: [0xc0, 7, 0x90, 0] });
    expect([...(await long.reader.transmit(apdu)).data]).toEqual([5, 6, 7]);
    const wrong = scripted({ 5: [0x6c, 1], 10: [0xb0, 9, 0x90, 0] });
    expect([...(await wrong.reader.transmit(Uint8Array.of(0x80, 0xb0, 0, 0, 0))).data]).toEqual([9]);
  });

  test("passes up 6Cxx of Peer I/O", async () => {
    const { reader } = scripted({ 5: [0xe8], 6: [0x6c, 0x11] });
    expect(await reader.transmit(Uint8Array.of(0x12, 0xe8, 0, 0, 1, 0))).toMatchObject({ sw: 0x6c11 });
  });

  test("a mute card, a wrong procedure byte, a wrong ATR: clear errors, and the next command works", async () => {
    const { reader } = scripted({ 5: [], 10: [0x33], 15: [0x10], 18: [0x90, 0] });
    await expect(reader.transmit(apdu)).rejects.toThrow("The card is mute: nothing came for 100 ms.");
    await expect(reader.transmit(apdu)).rejects.toThrow("33 where a procedure byte was due");
    expect((await reader.transmit(apdu)).sw).toBe(0x9000);
    await expect(scripted({ 0: [0x55] }).reader.connect()).rejects.toThrow("The card's ATR is wrong");
    await expect(scripted({ 0: [0x3b, 0x80, 0x01, 0x81] }).reader.connect()).rejects.toThrow(
      "does not speak T=0",
    );
  });
});

describe("reader and card", () => {
  const makeChip = (onLinkByte: (byte: number) => void) =>
    new Chip({ module, nvm: new MemoryNvm(0), onLinkByte });

  test("connect with PPS, then commands of all four cases", async () => {
    const line = new CharacterLine(new ChipContacts(makeChip));
    const reader = new T0Reader({ line });
    expect((await reader.connect()).ta1).toBe(0x97);
    expect(await reader.transmit(Uint8Array.of(0x80, 0x20, 0, 0))).toEqual({
      data: new Uint8Array(0),
      sw: 0x9000,
    });
    expect((await reader.transmit(Uint8Array.of(0x80, 0xca, 9, 0, 0))).data).toHaveLength(9);
    const data = Uint8Array.from({ length: 255 }, (_, i) => i);
    const { data: back } = await reader.transmit(Uint8Array.of(0x80, 0x10, 0, 0, 255, ...data, 0));
    expect(back).toEqual(data);
    expect(
      await Promise.all([1, 2, 3].map((i) => reader.transmit(Uint8Array.of(0x80, 0xca, i, 0, i)))),
    ).toMatchObject([1, 2, 3].map((length) => ({ data: { length }, sw: 0x9000 })));
    (line.contacts as ChipContacts).stop();
  });

  test("at 9,600 bit/s a command takes 12 etu a character, to the microsecond", async () => {
    const clock = new VirtualClock();
    const contacts = new ChipContacts(makeChip);
    const line = new CharacterLine(contacts, { baud: 9600, clock });
    const reader = new T0Reader({ line, pps: false });
    await reader.connect();
    expect(clock.now()).toBeCloseTo(ATR.length * 1.25, 3);
    const before = clock.now();
    await reader.transmit(Uint8Array.of(0x80, 0xca, 0, 0, 0));
    expect(clock.now() - before).toBeCloseTo((5 + 1 + 256 + 2) * 1.25, 3);
    contacts.stop();
  });
});
