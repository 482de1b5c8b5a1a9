// The key schedule alone, on context 0, step by step.
import * as context from "../../firmware/tls/context.ts";
import * as keySchedule from "../../firmware/tls/key-schedule.ts";
import * as transcript from "../../firmware/tls/transcript.ts";

/** Where the test puts messages and finds results. */
export function workspace(): usize {
  return context.at(0).buffer;
}
export function secretA(): usize {
  return context.at(0).secretA;
}
export function secretB(): usize {
  return context.at(0).secretB;
}
export function secretC(): usize {
  return context.at(0).secretC;
}
export function writeKey(): usize {
  return context.at(0).writeKey;
}
export function readKey(): usize {
  return context.at(0).readKey;
}

export function begin(suite: u32): void {
  context.at(0).suite = suite;
  transcript.init(context.at(0));
}
export function add(length: u32): void {
  transcript.add(context.at(0), workspace(), length);
}
export function hash(): usize {
  return transcript.hash(context.at(0));
}
export function handshakeSecrets(): void {
  keySchedule.handshakeSecrets(context.at(0));
}
export function verifyData(secret: usize): void {
  keySchedule.verifyData(context.at(0), secret, workspace());
}
export function wantTicket(): void {
  context.at(0).flags |= context.WANTS_TICKET;
}
export function transcriptAt(): usize {
  return context.at(0).transcript;
}
export function takePsk(): bool {
  return keySchedule.takePsk(context.at(0));
}
export function applicationSecrets(): void {
  keySchedule.applicationSecrets(context.at(0));
}
export function installWrite(secret: usize): void {
  keySchedule.installWrite(context.at(0), secret);
}
export function installRead(secret: usize): void {
  keySchedule.installRead(context.at(0), secret);
}
export function update(secret: usize): void {
  keySchedule.update(secret);
}
