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
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WASM_RT_CORE_TYPES_DEFINED
typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
typedef float f32;
typedef double f64;
typedef const char *wasm_rt_func_type_t;
typedef struct {
} wasm_rt_memory_t;

register u8 *arena __asm("r9");

#define ROM_SHIFT 14 // what lies at 16 KiB or above is a constant
_Static_assert(ARENA_BYTES <= 1 << ROM_SHIFT && ROM_BASE >= 1 << ROM_SHIFT, "ROM_SHIFT does not tell RAM from ROM");
#define OFFSET_MAX 256

/** Why the firmware was stopped; in `trapped` after the reset. */
enum trap { TRAP_NONE, TRAP_STORE, TRAP_DIVISION, TRAP_UNREACHABLE, TRAP_STACK, TRAP_FAULT };
__attribute__((noreturn, cold)) void trap(enum trap reason);

#define INLINE static inline __attribute__((always_inline))
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE
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

// memcpy of a constant size is one instruction: the Cortex-M3 loads and stores words at any address.
#define LOAD(name, cell, extended, result)                    \
  INLINE result name(u32 base, u32 offset) {                  \
    cell value;                                               \
    memcpy(&value, readable(base, offset), sizeof value);     \
    return (result)(extended)value;                           \
  }
#define STORE(name, cell, argument)                           \
  INLINE void name(u32 base, u32 offset, argument v) {        \
    cell value = (cell)v;                                     \
    memcpy(writable(base, offset), &value, sizeof value);     \
  }

LOAD(i32_load_default32, u32, u32, u32)
LOAD(i32_load8_s_default32, s8, s32, u32)
LOAD(i32_load8_u_default32, u8, u32, u32)
LOAD(i32_load16_s_default32, s16, s32, u32)
LOAD(i32_load16_u_default32, u16, u32, u32)
LOAD(i64_load_default32, u64, u64, u64)
LOAD(i64_load8_s_default32, s8, s64, u64)
LOAD(i64_load8_u_default32, u8, u64, u64)
LOAD(i64_load16_s_default32, s16, s64, u64)
LOAD(i64_load16_u_default32, u16, u64, u64)
LOAD(i64_load32_s_default32, s32, s64, u64)
LOAD(i64_load32_u_default32, u32, u64, u64)
STORE(i32_store_default32, u32, u32)
STORE(i32_store8_default32, u8, u32)
STORE(i32_store16_default32, u16, u32)
STORE(i64_store_default32, u64, u64)
STORE(i64_store8_default32, u8, u64)
STORE(i64_store16_default32, u16, u64)
STORE(i64_store32_default32, u32, u64)

void memory_fill(u32 target, u32 byte, u32 bytes);
void memory_copy(u32 target, u32 source, u32 bytes);

#define I32_ROTL(x, n) ((x) << ((n) & 31) | (x) >> (-(n) & 31))
#define I32_ROTR(x, n) ((x) >> ((n) & 31) | (x) << (-(n) & 31))
#define I64_ROTL(x, n) ((x) << ((n) & 63) | (x) >> (-(n) & 63))
#define I64_ROTR(x, n) ((x) >> ((n) & 63) | (x) << (-(n) & 63))
#define I32_CLZ(x) ((x) ? (u32)__builtin_clz(x) : 32)
#define I32_CTZ(x) ((x) ? (u32)__builtin_ctz(x) : 32)
#define I64_CLZ(x) ((x) ? (u64)__builtin_clzll(x) : 64)
#define I64_CTZ(x) ((x) ? (u64)__builtin_ctzll(x) : 64)
INLINE u32 I32_POPCNT(u32 x) {
  u32 ones = 0;
  for (; x != 0; x &= x - 1) ones++;
  return ones;
}

#define DIVIDE(x, by, operator) ((by) == 0 ? (trap(TRAP_DIVISION), (x)) : (x) operator (by))
#define DIV_U(x, by) DIVIDE(x, by, /)
#define REM_U(x, by) DIVIDE(x, by, %)
INLINE u32 I32_DIV_S(u32 x, u32 by) {
  if (x == 0x80000000u && by == 0xffffffffu) trap(TRAP_DIVISION); // the quotient has no 32 bits
  return (u32)DIVIDE((s32)x, (s32)by, /);
}
INLINE u32 I32_REM_S(u32 x, u32 by) {
  return by == 0xffffffffu ? 0 : (u32)DIVIDE((s32)x, (s32)by, %);
}
