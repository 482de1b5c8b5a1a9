// Named files in NVM, each with a content type. A file is a directory entry and one contiguous extent of FILE_DATA.
//
//   entry, 80 bytes   0       1          4       8      12       16       48      80
//                     ┌───────┬──────┬───┬───────┬──────┬────────┬────────┬───────┐
//                     │ state │ old  │   │ start │ size │ CRC-32 │ name   │ type  │  name, type: length byte first
//                     └───────┴──────┴───┴───────┴──────┴────────┴────────┴───────┘
//                       FF                  being written, or free
//                       05 (activated)      a file
//
// A file is written beside what is there: create() takes an erased entry and free space, append() fills it, commit()
// makes it a file by one byte, `state`. Until then nobody has seen it, and a power cut leaves nothing of it. An update is
// the same: the new entry names in `old` the entry that it replaces, and after the byte of commit() the old entry is
// erased, then `old`. Power may fail between these three: powerOn() does the rest. Free space is whatever no file
// occupies, so none can be lost. One file is written at a time; its state is the 20 bytes of Writer, and dies with RAM.
//
// A handle is the number of a file's entry, good until the next commit() or remove().
import { FILES, FILES_BYTES } from "../chip/ram-map.ts";
import * as nvm from "../chip/nvm.ts";
import { DIRECTORY, ENTRY_BYTES, ENTRY_COUNT, FILE_DATA, FILE_DATA_END } from "../chip/nvm-map.ts";
import * as crc32 from "./crc32.ts";
import * as superblock from "./superblock.ts";
import { ACTIVATED } from "./superblock.ts";

export const NAME_MAX: u32 = 31;
export const TYPE_MAX: u32 = 31;

/** The call makes no sense: a name or type too long or empty, no file being written, too many or too few bytes. */
export const EINVAL: i32 = -1;
/** No directory entry or no free space in one piece. */
export const ENOSPC: i32 = -2;
/** No such file. */
export const ENOENT: i32 = -3;

const STATE: u32 = 0;
const OLD: u32 = 1;
const START: u32 = 4;
const SIZE: u32 = 8;
const CRC: u32 = 12;
const NAME: u32 = 16;
const TYPE: u32 = NAME + 1 + NAME_MAX;

/** The file being written. */
@final
@unmanaged
class Writer {
  start: u32;
  size: u32;
  written: u32;
  crc: u32;
  /** Changes of the directory since power-on. */
  changes: u32;
  entry: u8;
  isOpen: bool;
}

/** Lays NVM out if it is new; finishes the update that power may have interrupted. */
export function powerOn(): void {
  if (offsetof<Writer>() > FILES_BYTES) ERROR("Writer does not fit FILES_BYTES");
  if (TYPE + 1 + TYPE_MAX != ENTRY_BYTES) ERROR("an entry is ENTRY_BYTES long");
  writer().isOpen = false;
  superblock.powerOn();
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) if (isFile(i)) retireOld(i);
}

/** @returns the handle of the file `name`, ENOENT when there is none */
export function find(name: usize, length: u32): i32 {
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) if (isFile(i) && isNamed(i, name, length)) return i;
  return ENOENT;
}

/** @returns bytes of the file */
export function size(file: i32): u32 {
  return nvm.read32(entryAt(file) + SIZE);
}

/** Copies the content type to `target`, TYPE_MAX bytes at most. @returns its length */
export function typeOf(file: i32, target: usize): u32 {
  const type = entryAt(file) + TYPE;
  const length = min(nvm.read(type), TYPE_MAX); // a worn cell must not write beyond the caller's memory
  nvm.copyIn(target, type + 1, length);
  return length;
}

/** Copies up to `length` bytes from `offset` of the file to `target`. @returns how many there were */
export function read(file: i32, offset: u32, target: usize, length: u32): u32 {
  const total = size(file);
  if (offset >= total) return 0;
  const run = min(length, total - offset);
  nvm.copyIn(target, nvm.read32(entryAt(file) + START) + offset, run);
  return run;
}

/** @returns the byte at `offset` of the file, which has it */
export function byte(file: i32, offset: u32): u32 {
  return nvm.read(nvm.read32(entryAt(file) + START) + offset);
}

/** @returns a number that is another one after each change of what files there are and what is in them */
export function generation(): u32 {
  return writer().changes;
}

/** @returns true when `bytes` stand in the file, in a row */
export function contains(file: i32, bytes: usize, length: u32): bool {
  const start = nvm.read32(entryAt(file) + START);
  const total = size(file);
  for (let at: u32 = 0; at + length <= total; at++) if (nvm.equals(start + at, bytes, length)) return true;
  return false;
}

/** @returns a number that changes with the file's name, type or content: its CRC-32 */
export function etag(file: i32): u32 {
  return nvm.read32(entryAt(file) + CRC);
}

/**
 * Begins to write a file, new or in place of the one of that name; gives up the one that was being written.
 * @param bytes the size that it will have
 * @returns 0, EINVAL or ENOSPC
 */
export function create(name: usize, nameLength: u32, type: usize, typeLength: u32, bytes: u32): i32 {
  const w = writer();
  w.isOpen = false;
  if (nameLength == 0 || nameLength > NAME_MAX || typeLength > TYPE_MAX) return EINVAL;
  const entry = freeEntry();
  const start = spaceFor(bytes);
  if (entry < 0 || start == 0) return ENOSPC;
  const at = entryAt(entry);
  nvm.write(at + OLD, find(name, nameLength) & 0xff);
  nvm.write32(at + START, start);
  nvm.write32(at + SIZE, bytes);
  writeText(at + NAME, name, nameLength);
  writeText(at + TYPE, type, typeLength);
  w.entry = u8(entry);
  w.start = start;
  w.size = bytes;
  w.written = 0;
  w.crc = describe(at);
  w.isOpen = true;
  return 0;
}

/** @returns true between create() and commit() */
export function isWriting(): bool {
  return writer().isOpen;
}

/** Bytes that have been appended to the file being written. */
export function written(): u32 {
  return writer().written;
}

/** Appends bytes to the file being written. @returns 0, or EINVAL when it would become longer than was said */
export function append(data: usize, length: u32): i32 {
  const w = writer();
  if (!w.isOpen || length > w.size - w.written) return EINVAL;
  nvm.copyOut(w.start + w.written, data, length);
  for (let i: u32 = 0; i < length; i++) w.crc = crc32.add(w.crc, load<u8>(data + i));
  w.written += length;
  return 0;
}

/** The file being written ends here, shorter than was said. */
export function shorten(): void {
  const w = writer();
  w.size = w.written;
  if (w.isOpen) nvm.write32(entryAt(w.entry) + SIZE, w.size);
}

/** What was written becomes the file, all at once. @returns its handle, EINVAL when bytes are missing */
export function commit(): i32 {
  const w = writer();
  if (!w.isOpen || w.written != w.size) return EINVAL;
  w.isOpen = false;
  w.changes++;
  const at = entryAt(w.entry);
  nvm.write32(at + CRC, crc32.done(w.crc));
  nvm.write(at + STATE, ACTIVATED);
  retireOld(w.entry);
  return w.entry;
}

/** Removes a file. */
export function remove(file: i32): void {
  writer().changes++;
  nvm.write(entryAt(file) + STATE, nvm.ERASED);
}

/** Removes all files, and gives up the one being written. */
export function removeAll(): void {
  writer().isOpen = false;
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) remove(i);
}

/** @returns how many files there are */
export function count(): u32 {
  let files: u32 = 0;
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) files += u32(isFile(i));
  return files;
}

/** @returns bytes of the longest file that could be created */
export function freeBytes(): u32 {
  let longest = gapFrom(FILE_DATA);
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) if (hasExtent(i)) longest = max(longest, gapFrom(endOf(i)));
  return longest;
}

/** @returns how many files NVM no longer holds as they were written, or no longer tells whether they are there */
export function damagedCount(): u32 {
  let damaged: u32 = 0;
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) damaged += u32(!isIntact(i));
  return damaged;
}

function isIntact(file: i32): bool {
  const at = entryAt(file);
  if (!isFile(file)) return nvm.read(at + STATE) == nvm.ERASED;
  const start = nvm.read32(at + START);
  if (start < FILE_DATA || start > FILE_DATA_END || size(file) > FILE_DATA_END - start) return false;
  return etag(file) == crc32.done(crc32.addNvm(describe(at), start, size(file)));
}

/** The second half of an update: the file that `entry` replaces goes. */
function retireOld(entry: u32): void {
  const at = entryAt(entry);
  const old = nvm.read(at + OLD);
  if (old < ENTRY_COUNT) nvm.write(entryAt(old) + STATE, nvm.ERASED);
  nvm.write(at + OLD, nvm.ERASED);
}

/** @returns the CRC-32 register after an entry's name and type */
function describe(at: u32): u32 {
  const crc = crc32.addNvm(crc32.START, at + NAME, 1 + nvm.read(at + NAME));
  return crc32.addNvm(crc, at + TYPE, 1 + nvm.read(at + TYPE));
}

function isNamed(entry: u32, name: usize, length: u32): bool {
  const at = entryAt(entry) + NAME;
  return nvm.read(at) == length && nvm.equals(at + 1, name, length);
}

function freeEntry(): i32 {
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) if (!isFile(i)) return i;
  return ENOSPC;
}

/** Best fit. @returns where `bytes` are free in one piece, 0: nowhere */
function spaceFor(bytes: u32): u32 {
  let best: u32 = 0;
  let bestGap: u32 = u32.MAX_VALUE;
  for (let i: i32 = -1; i < i32(ENTRY_COUNT); i++) {
    if (i >= 0 && !hasExtent(i)) continue;
    const start = i < 0 ? FILE_DATA : endOf(i);
    const gap = gapFrom(start);
    if (gap < bytes || gap >= bestGap) continue;
    best = start;
    bestGap = gap;
  }
  return best;
}

/** @returns free bytes from `start`, which no file occupies, to the next extent or the end of NVM */
function gapFrom(start: u32): u32 {
  let end: u32 = FILE_DATA_END;
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) {
    const next = nvm.read32(entryAt(i) + START);
    if (hasExtent(i) && next >= start) end = min(end, next);
  }
  return end - start;
}

/** The length byte, then the bytes. */
function writeText(at: u32, text: usize, length: u32): void {
  nvm.write(at, length);
  nvm.copyOut(at + 1, text, length);
}

function isFile(entry: u32): bool {
  return nvm.read(entryAt(entry) + STATE) == ACTIVATED;
}

/** An empty file occupies nothing. */
function hasExtent(entry: u32): bool {
  return isFile(entry) && size(entry) != 0;
}

function endOf(entry: u32): u32 {
  return nvm.read32(entryAt(entry) + START) + size(entry);
}

function entryAt(entry: u32): u32 {
  return DIRECTORY + entry * ENTRY_BYTES;
}

function writer(): Writer {
  return changetype<Writer>(FILES);
}
