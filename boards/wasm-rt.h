// The ground that wasm2c's output stands on, in place of wasm2c's own: one memory, split between RAM and flash.
//
//   wasm address  0            ARENA_BYTES          ROM_BASE            ROM_BASE + constants
//                 ┌────────────┬────────────────────┬───────────────────┐
//                 │ arena, RAM │ nothing            │ constants, flash  │
//                 └────────────┴────────────────────┴───────────────────┘
//
// A store outside the arena traps. A load below ROM_BASE is a load from the arena, any other one from the constants; loads
// are not checked, and need not be: nothing but the arena lies behind the arena's start, so that the C stack, which lies
// below it, has no wasm address. An address that overflows 32 bits wraps here, where wasm would trap; the store is checked
// after that.
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

extern u8 arena[];
extern const u8 constants[];

/** Why the firmware was stopped; in `trapped` after the reset. */
enum trap { TRAP_NONE, TRAP_STORE, TRAP_DIVISION, TRAP_UNREACHABLE, TRAP_STACK, TRAP_FAULT };
__attribute__((noreturn, cold)) void trap(enum trap reason);

#define INLINE static inline __attribute__((always_inline))
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE
#define UNREACHABLE trap(TRAP_UNREACHABLE)

INLINE const u8 *readable(u32 address) {
  return (const u8 *)((address < ROM_BASE ? (u32)arena : (u32)constants - ROM_BASE) + address);
}

INLINE u8 *writable(u32 address, u32 bytes) {
  if (__builtin_expect(address > ARENA_BYTES - bytes, 0)) trap(TRAP_STORE);
  return arena + address;
}

// memcpy of a constant size is one instruction: the Cortex-M3 loads and stores words at any address.
#define LOAD(name, cell, extended, result)                           \
  INLINE result name(wasm_rt_memory_t *memory, u32 address) {        \
    cell value;                                                      \
    memcpy(&value, readable(address), sizeof value);                 \
    return (result)(extended)value;                                  \
  }
#define STORE(name, cell, argument)                                  \
  INLINE void name(wasm_rt_memory_t *memory, u32 address, argument v) { \
    cell value = (cell)v;                                            \
    memcpy(writable(address, sizeof value), &value, sizeof value);   \
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

void memory_fill(wasm_rt_memory_t *memory, u32 target, u32 byte, u32 bytes);
void memory_copy(wasm_rt_memory_t *to, const wasm_rt_memory_t *from, u32 target, u32 source, u32 bytes);

#define I32_ROTL(x, n) ((x) << ((n) & 31) | (x) >> (-(n) & 31))
#define I32_ROTR(x, n) ((x) >> ((n) & 31) | (x) << (-(n) & 31))
#define I64_ROTL(x, n) ((x) << ((n) & 63) | (x) >> (-(n) & 63))
#define I64_ROTR(x, n) ((x) >> ((n) & 63) | (x) << (-(n) & 63))
#define I32_CLZ(x) ((x) ? (u32)__builtin_clz(x) : 32)
#define I32_CTZ(x) ((x) ? (u32)__builtin_ctz(x) : 32)
#define I64_CLZ(x) ((x) ? (u64)__builtin_clzll(x) : 64)
#define I64_CTZ(x) ((x) ? (u64)__builtin_ctzll(x) : 64)
#define I32_POPCNT(x) ((u32)__builtin_popcount(x))

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
