// The chip's NVM kept in a file, so that a card outlives the process that emulates it. The file is a line of text that
// names it, padded to HEADER_BYTES, and the cells. Every write of the chip goes straight to the file, in order: a process
// that is killed, or whose disk is full, leaves what a chip leaves whose power is cut. (After a crash of the whole machine
// that order is up to its file system.) The image holds the private key: it is readable by its owner only, and one
// process uses it at a time.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { codeOf, openDataDir, writeWhole } from "../data-dir.ts";
import { NetcardError } from "../errors.ts";
import { ERASED, MemoryNvm } from "./nvm.ts";

const HEADER_BYTES = 64;
const IMAGE = "card.nvm";

/** Images that this process uses, by path: its own pid in a lock file may also be that of a dead namesake. */
const inUse = new Set<string>();

/** NVM in a file. Wear is counted from the moment it was opened. */
export class FileNvm extends MemoryNvm {
  readonly #fd: number;
  readonly #path: string;
  readonly #lock: string;
  /** Why nothing is written any more. */
  #failure: NetcardError | undefined;
  readonly #byte = new Uint8Array(1);

  /**
   * Opens the image in a folder; makes the folder and an erased image when there is none.
   * @param bytes the size of the chip's NVM
   * @throws NetcardError, with the image untouched, when the folder can't be written, when another process uses the
   *   image, or when it is none
   */
  static open(dir: string, bytes = 262144): FileNvm {
    openDataDir(dir);
    const path = join(dir, IMAGE);
    const lock = `${path}.lock`;
    takeLock(lock);
    try {
      if (!existsSync(path)) writeWhole(path, newImage(bytes), 0o600);
      return new FileNvm(path, readImage(path, bytes), lock);
    } catch (error) {
      giveLock(lock);
      if (error instanceof NetcardError) throw error;
      throw new NetcardError(`Cannot open ${path} (${codeOf(error)}): allow reading and writing it.`);
    }
  }

  private constructor(path: string, cells: Uint8Array, lock: string) {
    super(cells);
    this.#fd = openSync(path, "r+");
    this.#path = path;
    this.#lock = lock;
  }

  /** @throws NetcardError when the file can't be written, from then on always: the chip's power has failed */
  override write(address: number, byte: number): void {
    if (address >= this.bytes) return;
    if (this.#failure) throw this.#failure;
    this.#byte[0] = byte;
    this.#orFail(() => writeSync(this.#fd, this.#byte, 0, 1, HEADER_BYTES + address));
    super.write(address, byte);
  }

  /**
   * The last call: the image is on disk and free for others.
   * @throws NetcardError when what was written may not be on disk
   */
  close(): void {
    const hadFailed = this.#failure;
    this.#failure ??= new NetcardError(`${this.#path} is closed.`);
    try {
      if (!hadFailed) this.#orFail(() => fsyncSync(this.#fd));
    } finally {
      closeSync(this.#fd);
      giveLock(this.#lock);
    }
  }

  #orFail(call: () => void): void {
    try {
      call();
    } catch (error) {
      throw (this.#failure = new NetcardError(
        `Cannot write ${this.#path} (${codeOf(error)}): make room or repair the disk, and start again.`,
      ));
    }
  }
}

function header(bytes: number): Buffer {
  return Buffer.from(`netcard NVM image 1, ${bytes} bytes\n`.padEnd(HEADER_BYTES, "\0"), "latin1");
}

function newImage(bytes: number): Buffer {
  return Buffer.concat([header(bytes), Buffer.alloc(bytes, ERASED)]);
}

function readImage(path: string, bytes: number): Uint8Array {
  const image = readFileSync(path);
  const remedy = "put a copy back, or move it away and a new card will be made";
  if (!image.subarray(0, HEADER_BYTES).equals(header(bytes)))
    throw new NetcardError(`${path} is not an NVM image of ${bytes} bytes: ${remedy}.`);
  if (image.length !== HEADER_BYTES + bytes)
    throw new NetcardError(
      `${path} is damaged (${image.length} bytes, not ${HEADER_BYTES + bytes}): ${remedy}.`,
    );
  return new Uint8Array(image.subarray(HEADER_BYTES));
}

/** The lock is a file with the number of the process; that of a process that is gone is cleared away. */
function takeLock(lock: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      inUse.add(lock);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST")
        throw new NetcardError(`Cannot write ${lock} (${codeOf(error)}): allow it, or name another folder.`);
    }
    clearStaleLock(lock);
  }
  throw new NetcardError(`Another process has just taken ${lock}: try again.`);
}

/** @throws NetcardError when the lock's process lives */
function clearStaleLock(lock: string): void {
  const holder = readLock(lock);
  if (isHeld(lock, Number(holder)))
    throw new NetcardError(
      `The card is in use by process ${holder}: end that first, or delete ${lock} if it is no netcard.`,
    );
  // Moving is atomic: of two processes that clear the same lock one gets it, and sees whether it is still that one.
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (readLock(aside) === holder) rmSync(aside);
    else renameSync(aside, lock);
  } catch {
    // The other one was faster: the next attempt meets its lock.
  }
}

function readLock(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function isHeld(lock: string, pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return inUse.has(lock);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function giveLock(lock: string): void {
  inUse.delete(lock);
  rmSync(lock, { force: true });
}
