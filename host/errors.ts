/** What a person can put right. The message is one sentence that says what to do; no stack is ever shown. */
export class NetcardError extends Error {
  override name = "NetcardError";
}
