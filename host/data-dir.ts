// The folder where netcard keeps a card and its CA.
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { NetcardError } from "./errors.ts";

/** Makes the folder if need be. @throws NetcardError when that can't be done, or nothing can be written there */
export function openDataDir(dir: string): void {
  const probe = `${dir}/.writable-${process.pid}`;
  try {
    mkdirSync(dir, { recursive: true });
    closeSync(openSync(probe, "w"));
    rmSync(probe);
  } catch (error) {
    throw new NetcardError(
      `Cannot write in ${dir} (${codeOf(error)}): name another folder or allow it there.`,
    );
  }
}

/** Writes a file so that, whatever happens, it is there whole or not at all. @param mode its permissions, e.g. 0o600 */
export function writeWhole(path: string, content: Uint8Array | string, mode: number): void {
  const draft = `${path}.${process.pid}.new`;
  rmSync(draft, { force: true });
  const fd = openSync(draft, "wx", mode);
  try {
    const bytes = Buffer.from(content);
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}

/** @returns the code of a system error, such as EACCES */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
