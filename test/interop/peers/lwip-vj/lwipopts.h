/* As little of lwIP as its header compression needs. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TCP 1
#define TCP_QUEUE_OOSEQ 0
#define PPP_SUPPORT 1
#define PPPOS_SUPPORT 1
#define VJ_SUPPORT 1
#define LWIP_STATS 0
