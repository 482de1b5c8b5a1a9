// The ground that wasm2c's output stands on in the taint test: one flat page, and checks that nothing secret is divided.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <valgrind/memcheck.h>

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

#define PAGE_BYTES 65536u
extern u8 page[PAGE_BYTES];
__attribute__((noreturn)) void trap(const char *reason);

#define INLINE static inline __attribute__((always_inline))
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE
#define UNREACHABLE trap("unreachable")

INLINE u8 *at(u32 address, u32 bytes) {
  if (address > PAGE_BYTES - bytes) trap("out of bounds");
  return page + address;
}

#define LOAD(name, cell, extended, result)                      \
  INLINE result name(u32 base, u32 offset) {                    \
    cell value;                                                 \
    memcpy(&value, at(base + offset, sizeof value), sizeof value); \
    return (result)(extended)value;                             \
  }
#define STORE(name, cell, argument)                              \
  INLINE void name(u32 base, u32 offset, argument v) {           \
    cell value = (cell)v;                                        \
    memcpy(at(base + offset, sizeof value), &value, sizeof value); \
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

INLINE void memory_fill(u32 target, u32 byte, u32 bytes) { memset(at(target, bytes), (int)byte, bytes); }
INLINE void memory_copy(u32 target, u32 source, u32 bytes) { memmove(at(target, bytes), at(source, bytes), bytes); }

#define I32_ROTL(x, n) ((x) << ((n) & 31) | (x) >> (-(n) & 31))
#define I32_ROTR(x, n) ((x) >> ((n) & 31) | (x) << (-(n) & 31))
#define I64_ROTL(x, n) ((x) << ((n) & 63) | (x) >> (-(n) & 63))
#define I64_ROTR(x, n) ((x) >> ((n) & 63) | (x) << (-(n) & 63))
#define I32_CLZ(x) ((x) ? (u32)__builtin_clz(x) : 32)
#define I32_CTZ(x) ((x) ? (u32)__builtin_ctz(x) : 32)
#define I64_CLZ(x) ((x) ? (u64)__builtin_clzll(x) : 64)
#define I64_CTZ(x) ((x) ? (u64)__builtin_ctzll(x) : 64)
#define I32_POPCNT(x) ((u32)__builtin_popcount(x))

// A divider takes longer for larger quotients, on every core: valgrind does not mind, we do.
#define DIVIDE(x, by, operator)                                             \
  ({                                                                        \
    __typeof__(x) dividend = (x), divisor = (by);                           \
    if (!__builtin_constant_p(by) || (divisor & (divisor - 1)) != 0) {      \
      VALGRIND_CHECK_VALUE_IS_DEFINED(dividend);                            \
      VALGRIND_CHECK_VALUE_IS_DEFINED(divisor);                             \
    }                                                                       \
    if (divisor == 0) trap("division");                                     \
    dividend operator divisor;                                              \
  })
#define DIV_U(x, by) DIVIDE(x, by, /)
#define REM_U(x, by) DIVIDE(x, by, %)
INLINE u32 I32_DIV_S(u32 x, u32 by) {
  if (x == 0x80000000u && by == 0xffffffffu) trap("division");
  return (u32)DIVIDE((s32)x, (s32)by, /);
}
INLINE u32 I32_REM_S(u32 x, u32 by) { return by == 0xffffffffu ? 0 : (u32)DIVIDE((s32)x, (s32)by, %); }
