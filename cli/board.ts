// netcard board run: the card on a microcontroller in QEMU, for the rest as `netcard run`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { BoardContacts } from "../host/board/contacts.ts";
import { NetcardError } from "../host/errors.ts";
import { type RunOptions, addRunOptions, folderOf, runCard } from "./run.ts";

/** The project's folder, seen from dist/cli. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface BoardRunOptions extends RunOptions {
  board: string;
}

export function addBoard(program: Command): void {
  const board = program.command("board").description("the card on a microcontroller's memory map, in QEMU");
  addRunOptions(
    board
      .command("run")
      .description("build the image of a board, boot it in QEMU and let browsers reach it on loopback")
      .addOption(
        new Option("--board <name>", "the board")
          .choices(["lm3s811evb", "stm32vldiscovery"])
          .default("lm3s811evb"),
      ),
  ).action((options: BoardRunOptions) =>
    runCard(options, new BoardContacts({ image: buildImage(options), folder: folderOf(options) })),
  );
}

const FIRMWARE = {
  iso7816: ["--entry", "firmware/card.ts"],
  serial: ["--entry", "firmware/card-serial.ts"],
  client: ["--entry", "firmware/card-client.ts", "--profile", "card-client"],
  rsa: ["--entry", "firmware/card-rsa.ts", "--profile", "card-rsa"],
  legacy: ["--entry", "firmware/card-legacy.ts", "--profile", "card-legacy"],
};

/** @returns path of image.json @throws NetcardError when a tool is missing or the image does not fit */
function buildImage({ board, card }: BoardRunOptions): string {
  const argv = [join(ROOT, "boards/build.mjs"), "--board", board, ...FIRMWARE[card]];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  if (status !== 0) throw new NetcardError(stderr.replace(/^netcard: /, "").trim());
  return stdout.trim();
}
