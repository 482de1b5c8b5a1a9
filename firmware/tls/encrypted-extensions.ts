// EncryptedExtensions (RFC 8446 section 4.3.1): what we answer to ALPN (RFC 7301) and record_size_limit (RFC 8449).
import { close16, close24, put16, put24, put8, putBytes } from "../buffer/cursors.ts";
import { HTTP_1_1, HTTP_1_1_BYTES } from "./hello.ts";
import { ANSWER_ALPN, ANSWER_LIMIT, Context } from "./context.ts";
import { RECORD_SIZE_LIMIT } from "./record-in.ts";

const ENCRYPTED_EXTENSIONS: u32 = 8;
const ALPN: u32 = 16;
const LIMIT: u32 = 28;

/** Longest message, bytes. */
export const MESSAGE_MAX: u32 = 4 + 2 + 7 + HTTP_1_1_BYTES + 6;

/** Writes the message at `at`. @returns the address behind it */
export function write(ctx: Context, at: usize): usize {
  const body = put24(put8(at, ENCRYPTED_EXTENSIONS), 0);
  const extensions = put16(body, 0);
  let end = extensions;
  if (ctx.has(ANSWER_ALPN)) {
    end = put16(put16(put16(end, ALPN), HTTP_1_1_BYTES + 3), HTTP_1_1_BYTES + 1);
    end = putBytes(put8(end, HTTP_1_1_BYTES), HTTP_1_1, HTTP_1_1_BYTES);
  }
  if (ctx.has(ANSWER_LIMIT)) end = put16(put16(put16(end, LIMIT), 2), RECORD_SIZE_LIMIT);
  return close24(body, close16(extensions, end));
}
