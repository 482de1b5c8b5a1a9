#include <stdlib.h>
#define LWIP_RAND() ((u32_t)rand())
