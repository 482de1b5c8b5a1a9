// The ground that wasm2c's output stands on in the taint test: one flat page, and checks that nothing secret is divided.
#pragma once
#include <valgrind/memcheck.h>
#include "../../../../boards/wasm-types.h"

#define PAGE_BYTES 65536u
/** And what an access at its end may reach beyond. */
extern u8 page[PAGE_BYTES + sizeof(u64)];

#define TRAP_DIVISION "division"
#define UNREACHABLE trap("unreachable")
__attribute__((noreturn)) void trap(const char *reason);

INLINE u8 *at(u32 address, u32 bytes) {
  if (address > PAGE_BYTES - bytes) trap("out of bounds");
  return page + address;
}
INLINE const u8 *readable(u32 base, u32 offset) { return at(base + offset, 0); }
INLINE u8 *writable(u32 base, u32 offset) { return at(base + offset, 0); }

INLINE void memory_fill(u32 target, u32 byte, u32 bytes) { memset(at(target, bytes), (int)byte, bytes); }
INLINE void memory_copy(u32 target, u32 source, u32 bytes) { memmove(at(target, bytes), at(source, bytes), bytes); }

// A divider takes longer for larger quotients, on every core: valgrind does not mind, we do.
#define DIVIDE(x, by, operator)                                             \
  ({                                                                        \
    __typeof__(x) dividend = (x), divisor = (by);                           \
    if (!__builtin_constant_p(by) || (divisor & (divisor - 1)) != 0) {      \
      VALGRIND_CHECK_VALUE_IS_DEFINED(dividend);                            \
      VALGRIND_CHECK_VALUE_IS_DEFINED(divisor);                             \
    }                                                                       \
    if (divisor == 0) trap(TRAP_DIVISION);                                     \
    dividend operator divisor;                                              \
  })
#include "../../../../boards/wasm-operations.h"
