// The operations of wasm2c's output, on whatever ground it stands. That has defined readable() and writable(), which make an
// address of its two parts, base and offset; trap() and its reasons; and DIVIDE.
#pragma once
#include "wasm-types.h"

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

#define DIV_U(x, by) DIVIDE(x, by, /)
#define REM_U(x, by) DIVIDE(x, by, %)
INLINE u32 I32_DIV_S(u32 x, u32 by) {
  if (x == 0x80000000u && by == 0xffffffffu) trap(TRAP_DIVISION); // the quotient has no 32 bits
  return (u32)DIVIDE((s32)x, (s32)by, /);
}
INLINE u32 I32_REM_S(u32 x, u32 by) {
  return by == 0xffffffffu ? 0 : (u32)DIVIDE((s32)x, (s32)by, %);
}
