// Debian's kernel and pppd in a virtual machine (QEMU, emulated in software): the host of a serial card. The first serial
// port is the card's line, the second a shell that takes commands of ours.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";
import type { SerialCard } from "../../support/serial-card.ts";
import { temporaryFolder } from "../../support/netcard.ts";
import { debianDependency, debianPackage } from "../../../scripts/debian.mjs";

const KERNEL = /linux-image-[\d.]+-\d+-amd64/;
const MODULES = ["net/slip/slhc.ko", "net/ppp/ppp_generic.ko", "net/ppp/ppp_async.ko"];
/** pppd, what a Debian without network tools lacks of its libraries, a shell, and a ping that looks at what comes back. */
const PACKAGES = [
  "ppp",
  "libpcap0.8",
  "libdbus-1-3",
  "libibverbs1",
  "libnl-3-200",
  "libnl-route-3-200",
  "busybox-static",
  "iputils-ping",
];
const BUSYBOX = "bin/busybox";
const PROGRAMS = [BUSYBOX, "usr/sbin/pppd", "usr/sbin/pppstats", "bin/ping", "usr/bin/openssl"];
const LIBRARIES = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"] as const;
const BOOT_MS = 240_000;
const ANSWER_MS = 120_000;

const INIT = `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ${MODULES.map((path) => basename(path)).join(" ")}; do insmod /$module; done
stty raw -echo < /dev/ttyS1
exec < /dev/ttyS1 > /dev/ttyS1 2>&1
echo "=0"
while read -r line; do
  eval "$line"
  echo "=$?"
done
`;

/** Folders of Debian's packages. */
export interface GuestParts {
  kernel: string;
  packages: string[];
}

export interface GuestImage {
  kernel: string;
  initramfs: string;
}

/** @returns undefined when a part can't be had */
export function guestParts(): GuestParts | undefined {
  const name = debianDependency("linux-image-amd64", KERNEL);
  const kernel = name && debianPackage(name);
  const packages = PACKAGES.map(debianPackage).filter((folder) => folder !== undefined);
  return kernel && packages.length === PACKAGES.length ? { kernel, packages } : undefined;
}

/** Makes what the machine boots. @param ca PEM, for its TLS client */
export function guestImage({ kernel, packages }: GuestParts, ca: Buffer): GuestImage {
  const root = join(temporaryFolder("guest"), "root");
  for (const folder of ["bin", "dev", "proc", "sys", "etc/ppp", "run", "var/run", "tmp"])
    mkdirSync(join(root, folder), { recursive: true });
  const [release] = readdirSync(join(kernel, "lib/modules")) as [string];
  for (const module of MODULES)
    cpSync(join(kernel, "lib/modules", release, "kernel/drivers", module), join(root, basename(module)));
  for (const program of PROGRAMS) copyProgram(program, root, packages);
  writeFileSync(join(root, "init"), INIT, { mode: 0o755 });
  writeFileSync(join(root, "etc/ppp/options"), "");
  writeFileSync(join(root, "ca.pem"), ca);
  const initramfs = join(root, "../initramfs");
  writeFileSync(initramfs, archive(root));
  return { kernel: join(kernel, "boot", `vmlinuz-${release}`), initramfs };
}

/** Copies a program and the libraries that it needs, those of packages before the system's. */
function copyProgram(program: string, root: string, packages: string[]): void {
  const folders = packages.flatMap((folder) => LIBRARIES.map((name) => join(folder, name)));
  const path = [...packages, "/"].map((folder) => join(folder, program)).find((file) => existsSync(file))!;
  cpSync(path, join(root, "bin", basename(program)));
  if (program === BUSYBOX) return; // without libraries
  const listed = execFileSync("ldd", [path], {
    encoding: "utf8",
    env: { LD_LIBRARY_PATH: folders.join(":") },
  });
  if (listed.includes("not found")) throw new Error(`${program} lacks a library:\n${listed}`);
  for (const [library] of listed.matchAll(/\/\S+/g)) {
    const target = join(root, library.startsWith("/lib64") ? "lib64" : LIBRARIES[0], basename(library));
    if (!existsSync(target)) cpSync(library, target, { dereference: true });
  }
}

/** @returns a folder as a cpio archive in the "newc" format that the kernel unpacks */
function archive(root: string): Buffer {
  const parts: Buffer[] = [];
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const add = (name: string, mode: number, content: Buffer) => {
    const fields = [parts.length, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    parts.push(pad(Buffer.from(`${header}${name}\0`)), pad(content));
  };
  for (const item of readdirSync(root, { withFileTypes: true, recursive: true })) {
    const path = join(item.parentPath, item.name);
    const name = path.slice(root.length + 1);
    if (item.isDirectory()) add(name, 0o40755, Buffer.alloc(0));
    else add(name, 0o100755, readFileSync(path));
  }
  add("TRAILER!!!", 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}

export class PppdGuest {
  readonly #servers: Server[] = [];
  readonly #child: ChildProcess;
  readonly #folder = temporaryFolder("qemu");
  #card: SerialCard;
  #line: Socket | undefined;
  #shell: Socket | undefined;
  #text = "";
  #onText: () => void = () => undefined;

  /** Boots the machine, a card's line at its first serial port. */
  static async boot(image: GuestImage, card: SerialCard): Promise<PppdGuest> {
    const guest = new PppdGuest(image, card);
    await guest.#answer(BOOT_MS);
    return guest;
  }

  private constructor({ kernel, initramfs }: GuestImage, card: SerialCard) {
    this.#card = card;
    const line = this.#listen("line", (socket) => {
      this.#line = socket;
      socket.on("data", (bytes: Uint8Array) => this.#card.send(bytes));
      this.insert(card);
    });
    const shell = this.#listen("shell", (socket) => {
      this.#shell = socket;
      socket.on("data", (bytes) => {
        this.#text += String(bytes);
        this.#onText();
      });
    });
    const ports = [line, shell].flatMap((path, i) => [
      "-chardev",
      `socket,id=s${i},path=${path}`,
      "-serial",
      `chardev:s${i}`,
    ]);
    const fixed = ["-accel", "tcg", "-m", "192", "-nodefaults", "-display", "none", "-no-reboot"];
    const boot = ["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS1 quiet panic=-1"];
    this.#child = spawn("qemu-system-x86_64", [...fixed, ...boot, ...ports], { stdio: "inherit" });
  }

  /** Puts another card at the serial port. */
  insert(card: SerialCard): void {
    this.#card.onBytes = () => undefined;
    this.#card = card;
    card.onBytes = (bytes) => this.#line!.write(bytes);
  }

  /** Runs a line of shell. @returns what it prints @throws Error when it fails, with what it printed */
  async run(command: string, timeoutMs = ANSWER_MS): Promise<string> {
    this.#shell!.write(`${command}\n`);
    const { status, text } = await this.#answer(timeoutMs);
    if (status !== 0) throw new Error(`${command}: ${status}\n${text}`);
    return text;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#child.once("close", resolve);
      this.#child.kill("SIGKILL");
    });
    for (const server of this.#servers) server.close();
  }

  #listen(name: string, onSocket: (socket: Socket) => void): string {
    const path = join(this.#folder, name);
    const server = createServer((socket) => {
      socket.on("error", () => undefined); // the machine may be switched off
      onSocket(socket);
    });
    server.listen(path);
    this.#servers.push(server);
    return path;
  }

  /** Waits for the shell's word that a command has ended. */
  async #answer(timeoutMs: number): Promise<{ status: number; text: string }> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const end = /^=(\d+)\r?\n/m.exec(this.#text);
      if (end) {
        const text = this.#text.slice(0, end.index);
        this.#text = this.#text.slice(end.index + end[0].length);
        return { status: Number(end[1]), text };
      }
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`the guest is silent; it said: ${this.#text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onText = () => (clearTimeout(timer), resolve());
      });
    }
  }
}
