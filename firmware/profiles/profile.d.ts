// The constants of firmware/profiles/*.json, for the type checker; asc gets their values by --use.

/** Bytes of RAM in the arena, which starts at address 0. */
declare const ARENA_BYTES: u32;
/** First address of the constants; asc's --memoryBase. */
declare const ROM_BASE: u32;
/** Bytes of non-volatile memory. */
declare const NVM_BYTES: u32;
/** 1: the trace pin is wired. */
declare const TRACE: u32;
/** Packet buffers in the pool. */
declare const PBUF_COUNT: u32;
/** Payload bytes of a packet buffer. */
declare const PBUF_SIZE: u32;
/** Header pbufs for output. */
declare const HEADER_PBUF_COUNT: u32;
/** Longest PPP information field that we receive, bytes (RFC 1661 section 6.1). */
declare const LINK_MRU: u32;
/** Maximum segment size that we announce, bytes (RFC 9293 section 3.7.1). */
declare const TCP_MSS: u32;
/** TCP control blocks. */
declare const TCB_COUNT: u32;
/** Sockets, listeners included. */
declare const SOCKET_COUNT: u32;
/** 1: this end assigns the addresses (the gateway). */
declare const PPP_SERVER: u32;
/** Our IPv4 address, big-endian value in host order, 0: ask the peer. */
declare const LOCAL_ADDRESS: u32;
/** The address that a PPP server gives to its peer. */
declare const PEER_ADDRESS: u32;
/** TLS contexts that live at the same time. */
declare const TLS_CONTEXTS: u32;
/** Bytes of a TLS context's input/output buffer, record header and tag included. */
declare const TLS_BUFFER: u32;
/** Bytes of the scratch memory that all cryptographic operations share. */
declare const CRYPTO_SCRATCH: u32;
/** Bytes of the web server's state. */
declare const WEB_BYTES: u32;
/** Bytes of the APDU and NVM journal buffer. */
declare const APDU_BUFFER: u32;
