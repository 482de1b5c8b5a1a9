// The types of wasm2c's output, on whatever ground it stands (wasm-rt.h here, another one for tests).
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

#define INLINE static inline __attribute__((always_inline))
#define FUNC_PROLOGUE
#define FUNC_EPILOGUE
