// Personalisation by APDU, with the names, codes and status words of ISO 7816-4, -8 and -9; class 00.
//
//   INS P1 P2  command                           data                              response
//   46  80 00  GENERATE ASYMMETRIC KEY PAIR      –                                 7F49 43 { 86 41 04 ‖ X ‖ Y }
//   46  81 00  the same: read the public key     –                                 the same
//   DA  00 tt  PUT DATA, of an RSA card          a number of its key; tt: 92 p, 93 q, 94 qInv, 95 dP, 96 dQ (ISO 7816-8)
//   E0  00 00  CREATE FILE                       62 { 80 size, 84 name, 85 type }
//   D7  00 00  UPDATE BINARY                     54 offset, 53 bytes
//   44  00 00  ACTIVATE FILE                     –                                 the file created is there
//   44  00 00  ACTIVATE FILE                     3F00, the whole card              operational for good
//   E4  04 00  DELETE FILE                       name
//   E4  00 00  DELETE FILE                       3F00: all files
//   CA  01 00  GET DATA: status                                                    8 bytes, see status()
//   CA  01 01  GET DATA: self-test                                                 1 byte: how many items are damaged
//
// A file is created, written from its first byte to its last, and activated: an update of a file is no different. A card
// becomes operational (else 6985) when it has a key pair and the certificate has this public key in it. An operational
// card answers GET DATA and refuses the rest with 6985: there is no way back and no back door.
import { TLS } from "../chip/ram-map.ts";
import * as files from "../files/files.ts";
import * as keys from "../files/keys.ts";
import * as rsaKey from "../files/rsa-key.ts";
import * as superblock from "../files/superblock.ts";
import * as apdu from "../link/apdu.ts";
import * as tlv from "./ber-tlv.ts";

const GENERATE_ASYMMETRIC_KEY_PAIR: u32 = 0x46;
const CREATE_FILE: u32 = 0xe0;
const UPDATE_BINARY: u32 = 0xd7;
const ACTIVATE_FILE: u32 = 0x44;
const DELETE_FILE: u32 = 0xe4;
const GET_DATA: u32 = 0xca;
const PUT_DATA: u32 = 0xda;

const SUCCESS: u32 = 0x9000;
const WRONG_LENGTH: u32 = 0x6700;
const CONDITIONS_NOT_SATISFIED: u32 = 0x6985;
const INCORRECT_DATA: u32 = 0x6a80;
const FILE_NOT_FOUND: u32 = 0x6a82;
const NOT_ENOUGH_MEMORY: u32 = 0x6a84;
const INCORRECT_P1_P2: u32 = 0x6a86;
const REFERENCED_DATA_NOT_FOUND: u32 = 0x6a88;
const WRONG_OFFSET: u32 = 0x6b00;
const INSTRUCTION_NOT_SUPPORTED: u32 = 0x6d00;
const CLASS_NOT_SUPPORTED: u32 = 0x6e00;

/** What stands before the 65 bytes of the point: public key template, its length, point, its length. */
const PUBLIC_KEY_PREFIX: usize = memory.data<u8>([0x7f, 0x49, 0x43, 0x86, 0x41]);
const PUBLIC_KEY_PREFIX_BYTES: u32 = 5;

/** Which number of the key each tag from 92 on stands for. */
function RSA_NUMBERS(): usize {
  return memory.data<u8>([0, 1, 4, 2, 3]);
}

const CERTIFICATE: usize = memory.data<u8>([
  0x2f, 0x2e, 0x63, 0x65, 0x72, 0x74, 0x69, 0x66, 0x69, 0x63, 0x61, 0x74, 0x65,
]); // "/.certificate"
const CERTIFICATE_LENGTH: u32 = 13;

/** Answers the command that waits, if one does. */
export function poll(): void {
  if (!apdu.ready()) return;
  const answer = execute();
  const length = answer >> 16;
  if (length) apdu.respondData(length, answer & 0xffff);
  else apdu.respond(answer);
}

/** @returns the status word, and above it how many bytes of response stand at apdu.data() */
function execute(): u32 {
  if (apdu.cla() != 0) return CLASS_NOT_SUPPORTED;
  const isOpen = !superblock.isOperational();
  switch (apdu.ins()) {
    case GET_DATA:
      return getData();
    case PUT_DATA:
      if (!rsaKey.IN_USE) return INSTRUCTION_NOT_SUPPORTED;
      return isOpen ? putRsaNumber() : CONDITIONS_NOT_SATISFIED;
    case GENERATE_ASYMMETRIC_KEY_PAIR:
      if (rsaKey.IN_USE) return INSTRUCTION_NOT_SUPPORTED;
      return isOpen ? keyPair() : CONDITIONS_NOT_SATISFIED;
    case CREATE_FILE:
      return isOpen ? createFile() : CONDITIONS_NOT_SATISFIED;
    case UPDATE_BINARY:
      return isOpen ? updateBinary() : CONDITIONS_NOT_SATISFIED;
    case ACTIVATE_FILE:
      return isOpen ? activate() : CONDITIONS_NOT_SATISFIED;
    case DELETE_FILE:
      return isOpen ? deleteFile() : CONDITIONS_NOT_SATISFIED;
    default:
      return INSTRUCTION_NOT_SUPPORTED;
  }
}

function getData(): u32 {
  switch (parameters()) {
    case 0x0100:
      return status();
    case 0x0101:
      store<u8>(apdu.data(), files.damagedCount() + u32(!keys.isIntact()) + u32(!superblock.isIntact()));
      return respond(1);
    default:
      return REFERENCED_DATA_NOT_FOUND;
  }
}

/** 0 life cycle status byte · 1 layout of NVM · 2 there is a key · 3 number of files · 4..7 longest file that fits. */
function status(): u32 {
  const out = apdu.data();
  store<u8>(out, keys.lifeCycle());
  store<u8>(out + 1, superblock.LAYOUT);
  store<u8>(out + 2, u8(keys.hasPrivateKey()));
  store<u8>(out + 3, files.count());
  store<u32>(out + 4, bswap<u32>(files.freeBytes()));
  return respond(8);
}

/** A card has one key in its life: generating is refused when there is one. */
function keyPair(): u32 {
  const isGenerate = parameters() == 0x8000;
  if (!isGenerate && parameters() != 0x8100) return INCORRECT_P1_P2;
  if (apdu.lc()) return WRONG_LENGTH;
  if (keys.hasPrivateKey() && isGenerate) return CONDITIONS_NOT_SATISFIED;
  if (!keys.hasPrivateKey() && !isGenerate) return REFERENCED_DATA_NOT_FOUND;
  const point = apdu.data() + PUBLIC_KEY_PREFIX_BYTES;
  if (isGenerate) keys.generate(point);
  else keys.readPublicKey(point);
  memory.copy(apdu.data(), PUBLIC_KEY_PREFIX, PUBLIC_KEY_PREFIX_BYTES);
  return respond(PUBLIC_KEY_PREFIX_BYTES + keys.PUBLIC_KEY_BYTES);
}

/** A number of the RSA key. The network is down, so TLS's memory is free. */
function putRsaNumber(): u32 {
  const tag = parameters();
  if (tag < 0x92 || tag > 0x96) return REFERENCED_DATA_NOT_FOUND;
  const number = load<u8>(RSA_NUMBERS() + tag - 0x92);
  return rsaKey.put(number, apdu.data(), apdu.lc(), TLS) ? SUCCESS : INCORRECT_DATA;
}

function createFile(): u32 {
  if (parameters()) return INCORRECT_P1_P2;
  const template = tlv.find(apdu.data(), endOfData(), 0x62);
  if (!template) return INCORRECT_DATA;
  const first = tlv.valueOf(template);
  const end = first + tlv.lengthOf(template);
  const size = tlv.find(first, end, 0x80);
  const name = tlv.find(first, end, 0x84);
  const type = tlv.find(first, end, 0x85);
  if (!size || !name || !type) return INCORRECT_DATA;
  return statusOf(
    files.create(
      tlv.valueOf(name),
      tlv.lengthOf(name),
      tlv.valueOf(type),
      tlv.lengthOf(type),
      tlv.numberOf(size),
    ),
  );
}

/** The offset says where the sender believes to be: a command lost or repeated is noticed. */
function updateBinary(): u32 {
  if (parameters()) return INCORRECT_P1_P2;
  const offset = tlv.find(apdu.data(), endOfData(), 0x54);
  const bytes = tlv.find(apdu.data(), endOfData(), 0x53);
  if (!offset || !bytes) return INCORRECT_DATA;
  if (!files.isWriting()) return CONDITIONS_NOT_SATISFIED;
  if (tlv.numberOf(offset) != files.written()) return WRONG_OFFSET;
  return statusOf(files.append(tlv.valueOf(bytes), tlv.lengthOf(bytes)));
}

function activate(): u32 {
  if (parameters()) return INCORRECT_P1_P2;
  if (apdu.lc() == 0) return files.commit() < 0 ? CONDITIONS_NOT_SATISFIED : SUCCESS;
  if (!isMasterFile()) return FILE_NOT_FOUND;
  if (!isCertified()) return CONDITIONS_NOT_SATISFIED;
  superblock.setOperational();
  return SUCCESS;
}

/** A certificate has the public key in it as it is, whatever else it says: TLS would fail with another card's. */
function isCertified(): bool {
  const certificate = files.find(CERTIFICATE, CERTIFICATE_LENGTH);
  if (!keys.hasPrivateKey() || certificate < 0) return false;
  if (rsaKey.IN_USE) {
    rsaKey.readModulus(TLS);
    return files.contains(certificate, TLS, rsaKey.modulusBytes());
  }
  keys.readPublicKey(apdu.data());
  return files.contains(certificate, apdu.data(), keys.PUBLIC_KEY_BYTES);
}

function deleteFile(): u32 {
  if (parameters() == 0x0400) {
    const file = files.find(apdu.data(), apdu.lc());
    if (file < 0) return FILE_NOT_FOUND;
    files.remove(file);
    return SUCCESS;
  }
  if (parameters()) return INCORRECT_P1_P2;
  if (!isMasterFile()) return FILE_NOT_FOUND;
  files.removeAll();
  return SUCCESS;
}

/** The data is 3F00, the identifier of the master file, which stands for the whole card. */
function isMasterFile(): bool {
  return apdu.lc() == 2 && load<u8>(apdu.data()) == 0x3f && load<u8>(apdu.data() + 1) == 0;
}

function statusOf(result: i32): u32 {
  if (result == files.ENOSPC) return NOT_ENOUGH_MEMORY;
  return result < 0 ? INCORRECT_DATA : SUCCESS;
}

function respond(length: u32): u32 {
  return (length << 16) | SUCCESS;
}

function parameters(): u32 {
  return (apdu.p1() << 8) | apdu.p2();
}

function endOfData(): usize {
  return apdu.data() + apdu.lc();
}
