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
/** Most data bytes of a segment that we send: its frame shall fit one GET_PACKET, and TLS fills it. */
declare const TCP_SEND_MSS: u32;
/** First retransmission timeout of a SYN, its longest, ms, and how often a SYN is repeated. */
declare const TCP_SYN_RTO: u32;
declare const TCP_SYN_RTO_MAX: u32;
declare const TCP_SYN_RETRIES: u32;
/** What the retransmission timeout exceeds the smoothed round trip by at least, ms: no less than peers delay their ACKs. */
declare const TCP_RTO_MIN: u32;
/** Silence after which a peer is asked whether it is still there, ms; 0: never. */
declare const TCP_KEEPALIVE_MS: u32;
/** TCP control blocks. */
declare const TCB_COUNT: u32;
/** Sockets, listeners included. */
declare const SOCKET_COUNT: u32;
/** Connections whose headers are compressed at the same time, each way (RFC 1144). */
declare const VJ_SLOTS: u32;
/** Silence after which the link's peer is asked whether it is still there, ms (RFC 1661 section 5.8); 0: never. */
declare const LCP_ECHO_MS: u32;
/** 1: we authenticate ourselves to a peer that demands it, by PAP or CHAP-MD5. */
declare const PPP_AUTH: u32;
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
/**
 * Longest content of a record that we send, bytes, where it need not fit the buffer. The peer can read nothing of a record
 * before its end: of this one after two seconds on a line of 9,600 bit/s, and still what it adds is only one hundredth.
 */
declare const TLS_RECORD_SEND: u32;
/** Bytes of the scratch memory that all cryptographic operations share. */
declare const CRYPTO_SCRATCH: u32;
/** Bytes of the web server's state. */
declare const WEB_BYTES: u32;
/** Bytes of the APDU and NVM journal buffer. */
declare const APDU_BUFFER: u32;
/** Bytes of each socket's send region in the gateway. */
declare const GATEWAY_TX_BUFFER: u32;
/** Bytes of the gateway's common receive buffer. */
declare const GATEWAY_RX_BUFFER: u32;
/** How long an ACK may wait for data to ride with, ms (RFC 9293 section 3.8.6.3); 0: it never waits. */
declare const TCP_ACK_DELAY_MS: u32;
/** 1: TLS 1.0 is spoken, and nothing else. */
declare const TLS10: u32;
/** 1: TLS 1.2 is spoken too, to clients without TLS 1.3. */
declare const TLS12: u32;
/** 1: the card has an RSA key of 2,048 bits and its certificate, in place of a P-256 key. */
declare const TLS_RSA: u32;
/** 1: the card connects to servers too, by TLS 1.3; 2: by TLS 1.2 as well. */
declare const TLS_CLIENT: u32;
/** 1: ICMP errors that arrive are told to the sockets that they concern; what only listens needs none. */
declare const ICMP_ERRORS: u32;
/** 1: UDP, and datagram sockets. */
declare const UDP: u32;
/** 1: the resolver of names, over UDP; IPCP asks for a server. */
declare const DNS: u32;
/** 1: the DHCP client, over UDP. */
declare const DHCP: u32;
