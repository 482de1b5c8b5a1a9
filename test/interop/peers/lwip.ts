// lwIP as a peer of the tests: see scripts/lwip.mjs.
import * as lwip from "../../../scripts/lwip.mjs";

/** @returns the folder of lwIP's source; undefined when there is neither a copy nor a way to get one */
export const lwipSource = lwip.lwipSource;

/**
 * Compiles a program of test/interop/peers with files of lwIP.
 * @param name of NAME.c and of the folder NAME with its lwipopts.h @param files of lwIP's src @returns its path
 */
export function compileLwip(source: string, name: string, files: string[]): string {
  return lwip.compileLwip(source, `test/interop/peers/${name}.c`, files);
}
