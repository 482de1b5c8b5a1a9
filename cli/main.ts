#!/usr/bin/env node
// netcard: the command line. One file a verb; here only what they share.
import { pathToFileURL } from "node:url";
import { Command, CommanderError } from "commander";
import { NetcardError } from "../host/errors.ts";
import { addBoard } from "./board.ts";
import { addRun } from "./run.ts";

/** @param args the words behind `netcard` */
export async function main(args: string[]): Promise<void> {
  const program = new Command("netcard")
    .description(
      "An infrastructureless network smart card: HTTPS that ends inside a device with 6 KB of RAM.",
    )
    .showHelpAfterError("(netcard --help tells what there is)")
    .exitOverride();
  addRun(program);
  addBoard(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = exitCode(error);
  }
}

/** Says what went wrong in one sentence. @returns the exit code */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode; // commander has said it
  if (error instanceof NetcardError) console.error(`netcard: ${error.message}`);
  else console.error(`netcard: this is a defect of netcard, please report it: ${String(error)}`);
  return 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.slice(2));
