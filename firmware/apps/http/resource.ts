// What a path can name: a file of the card's, or a page of figures that is made when it is asked for.
import * as files from "../../files/files.ts";
import * as status from "./status.ts";
import * as text from "./text.ts";

/** No file has this handle: they are below it. */
const STATUS: u32 = 0xffffff;
export const NONE: u32 = 0xfffffe;

const DOT: u32 = 0x2e;

/** @returns the resource of that name, NONE when there is none, or none to be shown: names that begin with "/." */
export function find(path: usize, length: u32): u32 {
  if (length > 1 && load<u8>(path + 1) == DOT) return NONE;
  if (length == text.length(text.STATUS_PATH) && memory.compare(path, text.STATUS_PATH, length) == 0) {
    return STATUS;
  }
  const handle = files.find(path, length);
  return handle < 0 ? NONE : handle;
}

/** @returns true when the resource stays the same until its entity tag changes */
export function hasTag(resource: u32): bool {
  return resource < NONE;
}

export function tag(resource: u32): u32 {
  return files.etag(resource);
}

/** Bytes of content. */
export function size(resource: u32): u32 {
  return resource == STATUS ? status.SIZE : files.size(resource);
}

/** Writes the content type. @returns its length, at most files.TYPE_MAX */
export function type(resource: u32, out: usize): u32 {
  if (resource != STATUS) return files.typeOf(resource, out);
  const length = text.length(text.APPLICATION_JSON);
  memory.copy(out, text.APPLICATION_JSON, length);
  return length;
}

/**
 * Copies content from `offset` on to `target`.
 * @param room bytes at `target`
 * @returns bytes copied, at most `room`; 0: the content can't be read
 */
export function read(resource: u32, offset: u32, target: usize, room: u32): u32 {
  if (resource == STATUS) return status.read(offset, target, room);
  return files.read(resource, offset, target, room);
}
