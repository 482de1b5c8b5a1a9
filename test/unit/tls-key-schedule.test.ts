// The key schedule against RFC 8448 section 3, "Simple 1-RTT Handshake".
import { beforeAll, expect, test } from "vitest";
import { build, instantiate } from "../support/firmware.ts";
import { AES } from "../support/tls-codec.ts";
import { expandLabel, Protection } from "../support/tls-keys.ts";

interface Exports {
  workspace(): number;
  secretA(): number;
  secretB(): number;
  secretC(): number;
  writeKey(): number;
  readKey(): number;
  begin(suite: number): void;
  add(length: number): void;
  hash(): number;
  handshakeSecrets(): void;
  verifyData(secret: number): void;
  applicationSecrets(): void;
  wantTicket(): void;
  transcriptAt(): number;
  takePsk(): number;
  installWrite(secret: number): void;
  installRead(secret: number): void;
  update(secret: number): void;
}

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");

const SHARED = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
const CLIENT_HELLO = hex(`
  010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000
  000b0009000006736572766572ff01000100000a00140012001d00170018001901000101010201030104002300000033002600240
  01d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e04030503
  0603020308040805080604010501060102010402050206020202002d00020101001c00024001`);
const SERVER_HELLO = hex(`
  020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9
  828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304`);
const SERVER_FLIGHT = hex(`
  17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f9
  45cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8
  ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d7103
  5d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a8fd991f06aa6248204797
  e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b3684596c960bd596e
  ea520a56a8d650f563aad27409960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89f72c244
  61aad6d26f59ecaba9acbbb317b66d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb13864
  7e92ea330faeea6dfa31c7a84dc3bd7e1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f
  5e56eb4c5e8280a2b48052cf93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa
  80f85df881edbe5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa
  388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba
  42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef
  04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e750edc53370d2b`);

let card: Exports;
let memory: Uint8Array;

beforeAll(async () => {
  const module = await build("test/firmware/tls-key-schedule.ts");
  const instance = instantiate<Exports>(module);
  card = instance;
  memory = new Uint8Array(instance.memory.buffer);
});

const bytes = (address: number, length = 32) => Buffer.from(memory.subarray(address, address + length));
const text = (address: number, length?: number) => bytes(address, length).toString("hex");

function add(message: Buffer): void {
  for (let at = 0; at < message.length; at += 200) {
    const part = message.subarray(at, at + 200);
    memory.set(part, card.workspace());
    card.add(part.length);
  }
}

test("RFC 8448 section 3, value by value", () => {
  card.begin(AES);
  add(CLIENT_HELLO);
  add(SERVER_HELLO);
  expect(text(card.hash())).toBe("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");

  memory.set(SHARED, card.secretB());
  card.handshakeSecrets();
  expect(text(card.secretA())).toBe("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
  expect(text(card.secretB())).toBe("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
  expect(text(card.secretC())).toBe("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
  card.installWrite(card.secretB());
  expect(text(card.writeKey(), 16)).toBe("3fce516009c21727d0f2e4e86ee403bc");
  expect(text(card.writeKey() + 32, 12)).toBe("5d313eb2671276ee13000b30");

  const server = new Protection(bytes(card.secretB()), AES);
  const flight = server.open(SERVER_FLIGHT.subarray(0, 5), SERVER_FLIGHT.subarray(5)).content;
  add(flight.subarray(0, -36));
  card.verifyData(card.secretB());
  expect(text(card.workspace())).toBe("9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718");
  add(flight.subarray(-36));
  expect(text(card.hash())).toBe("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
  card.verifyData(card.secretA());
  expect(text(card.workspace())).toBe("a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61");

  memory.set(bytes(card.workspace()), card.secretA());
  card.wantTicket();
  card.applicationSecrets();
  expect(text(card.secretB())).toBe("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
  expect(text(card.secretC())).toBe("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
  card.installRead(card.secretC());
  expect(text(card.readKey(), 16)).toBe("17422dda596ed5d9acd890e3c63f5051");
  expect(text(card.readKey() + 32, 12)).toBe("5b78923dee08579033e523d9");
});

test("RFC 8448 section 4: the PSK of the ticket, and its binder", () => {
  expect(text(card.transcriptAt())).toBe("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
  const hash = hex("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14");
  const binder = hex("3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
  for (const spoilt of [0, 1]) {
    memory.set(bytes(card.transcriptAt()), card.secretC());
    memory.set(hash, card.secretA());
    memory.set(binder, card.secretB());
    memory[card.secretB() + 31]! ^= spoilt;
    expect(card.takePsk()).toBe(1 - spoilt);
  }
});

test("the next secret is the one of RFC 8446 section 7.2", () => {
  const before = bytes(card.secretC());
  card.update(card.secretC());
  expect(text(card.secretC())).toBe(expandLabel(before, "traffic upd", Buffer.alloc(0), 32).toString("hex"));
});
