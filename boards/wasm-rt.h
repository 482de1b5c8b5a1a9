// The ground that wasm2c's output stands on, in place of wasm2c's own: one memory, split between RAM and flash.
//
//   wasm address  0            ARENA_BYTES          ROM_BASE            ROM_BASE + constants
//                 ┌────────────┬────────────────────┬───────────────────┐
//                 │ arena, RAM │ nothing            │ constants, flash  │
//                 └────────────┴────────────────────┴───────────────────┘
//
// The linker places the constants in flash at their wasm address, and register r9 holds the arena's start for ever: a load
// costs one test of its base address, and none where that is known at compile time.
//
// What is tested is the base address, not base + offset: one test serves all fields of a struct. A store by a base outside the
// arena traps. One that begins inside and ends outside, by less than OFFSET_MAX, falls on RAM that nobody owns or on none (a
// fault, hence a reset), since the arena is the last thing in RAM. Loads are not checked, and need not be: nothing but the
// arena lies behind the arena's start, so that the C stack, which lies below it, has no wasm address.
#pragma once
#include "wasm-types.h"

register u8 *arena __asm("r9");

#define ROM_SHIFT 14 // what lies at 16 KiB or above is a constant
_Static_assert(ARENA_BYTES <= 1 << ROM_SHIFT && ROM_BASE >= 1 << ROM_SHIFT, "ROM_SHIFT does not tell RAM from ROM");
#define OFFSET_MAX 256

/** Why the firmware was stopped; in `trapped` after the reset. */
enum trap { TRAP_NONE, TRAP_STORE, TRAP_DIVISION, TRAP_UNREACHABLE, TRAP_STACK, TRAP_FAULT };
__attribute__((noreturn, cold)) void trap(enum trap reason);

#define UNREACHABLE trap(TRAP_UNREACHABLE)

INLINE const u8 *readable(u32 base, u32 offset) {
  if (offset >= OFFSET_MAX) return readable(base + offset, 0);
  return (base >> ROM_SHIFT ? (const u8 *)base : arena + base) + offset;
}

INLINE u8 *writable(u32 base, u32 offset) {
  if (offset >= OFFSET_MAX) return writable(base + offset, 0);
  if (__builtin_expect(base >= ARENA_BYTES, 0)) trap(TRAP_STORE);
  return arena + base + offset;
}

void memory_fill(u32 target, u32 byte, u32 bytes);
void memory_copy(u32 target, u32 source, u32 bytes);

#define DIVIDE(x, by, operator) ((by) == 0 ? (trap(TRAP_DIVISION), (x)) : (x) operator (by))
#include "wasm-operations.h"
