// EncryptedExtensions (RFC 8446 section 4.3.1): that the server has used the name, and which groups it would have liked.
import * as extensions from "./extensions.ts";

/** Takes the message. @returns 0, or the alert that it deserves */
export function take(body: usize, length: u32): u32 {
  const found = extensions.check(body, body + length, extensions.NAME | extensions.GROUPS);
  return found >= extensions.REFUSED ? found - extensions.REFUSED : 0;
}
