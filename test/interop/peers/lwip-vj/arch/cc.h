/* The defaults of lwIP's arch.h do. */
