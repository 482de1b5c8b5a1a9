// What the generated table (test/support/taint.ts) and replay.c have of each other.
#pragma once
/** Calls an export with arguments from the script. @returns its result, 0 when it has none */
u32 call_export(w2c_card *card, u32 which, const u32 **script);
/** An import that the script answers. */
u32 imported(u32 which, const u32 *arguments, u32 count);
