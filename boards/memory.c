// wasm's memory.fill and memory.copy, word by word where they can; and the two functions that gcc expects of a C library.
#include "wasm-rt.h"

static void copy_up(u8 *to, const u8 *from, u32 bytes) {
  for (; bytes >= 4; bytes -= 4, to += 4, from += 4) memcpy(to, from, 4);
  while (bytes-- > 0) *to++ = *from++;
}

static void copy_down(u8 *to, const u8 *from, u32 bytes) {
  for (; bytes >= 4; bytes -= 4) memcpy(to + bytes - 4, from + bytes - 4, 4);
  while (bytes-- > 0) to[bytes] = from[bytes];
}

void *memcpy(void *target, const void *source, size_t bytes) {
  copy_up(target, source, bytes);
  return target;
}

void *memset(void *target, int byte, size_t bytes) {
  u8 *to = target;
  u32 word = (u8)byte * 0x01010101u;
  for (; bytes >= 4; bytes -= 4, to += 4) memcpy(to, &word, 4);
  while (bytes-- > 0) *to++ = (u8)byte;
  return target;
}

static u8 *writable_range(u32 target, u32 bytes) {
  if (bytes > ARENA_BYTES || target > ARENA_BYTES - bytes) trap(TRAP_STORE);
  return arena + target;
}

void memory_fill(u32 target, u32 byte, u32 bytes) { memset(writable_range(target, bytes), (int)byte, bytes); }

void memory_copy(u32 target, u32 source, u32 bytes) {
  u8 *to = writable_range(target, bytes);
  const u8 *from = readable(source, 0);
  if (to < from)
    copy_up(to, from, bytes);
  else
    copy_down(to, from, bytes);
}
