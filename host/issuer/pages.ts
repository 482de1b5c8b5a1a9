// A folder of pages as files for the card.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { codeOf } from "../data-dir.ts";
import { NetcardError } from "../errors.ts";
import type { CardFile } from "./commands.ts";

/** Bytes of a name or a content type, at most (firmware/files/files.ts). */
export const NAME_MAX = 31;
/** Files, at most; one more is the certificate. */
export const FILES_MAX = 31;
/** The page that the card makes itself (firmware/apps/http/resource.ts). */
const STATUS_NAME = "/status.json";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".ico": "image/x-icon",
};

/** @returns the content type that the name's ending stands for */
export function typeFor(name: string): string {
  return TYPES[extname(name).toLowerCase()] ?? "application/octet-stream";
}

/**
 * The files of a folder and those below it, sorted by name; hidden ones are left out.
 * @throws NetcardError when the folder can't be read, a name is too long or the card's own, or there are too many
 */
export function readPages(folder: string): CardFile[] {
  const files = listFiles(folder)
    .map((path) => ({ path, url: relative(folder, path).split(sep).join("/") }))
    .filter(({ url }) => !url.split("/").some((part) => part.startsWith(".")))
    .map(({ path, url }) => ({ name: `/${url}`, type: typeFor(url), content: readFileSync(path) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name } of files) checkName(name);
  if (files.length > FILES_MAX)
    throw new NetcardError(
      `${folder} has ${files.length} files and a card keeps ${FILES_MAX}: leave some out.`,
    );
  return files;
}

function checkName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes > NAME_MAX)
    throw new NetcardError(`The name ${name} has ${bytes} bytes and the card keeps ${NAME_MAX}: shorten it.`);
  if (name === STATUS_NAME)
    throw new NetcardError(`The page ${name} would never be seen, the card has its own: rename it.`);
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((path) => join(folder, path))
      .filter((path) => statSync(path).isFile());
  } catch (error) {
    throw new NetcardError(`Cannot read the pages in ${folder} (${codeOf(error)}): name a folder of pages.`);
  }
}
