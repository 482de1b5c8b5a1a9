// The non-volatile memory, region by region: the only file that knows its addresses. Erased bytes read FF.
//
//        0 ┌──────────────┐
//          │ SUPERBLOCK   │ magic and layout number, life cycle                         files/superblock
//       32 ├──────────────┤
//          │ DRBG_SEED    │ two slots, of which one is always whole                     crypto/drbg
//      112 ├──────────────┤
//          │ KEY_RECORD   │ the card's key pair, written once                           files/keys
//      256 ├──────────────┤
//          │ DIRECTORY    │ 32 entries of 80 bytes                                      files/files
//    2,816 ├──────────────┤
//          │ TLS_SWAP     │ what TLS keeps out of RAM: nothing that outlives power      tls/record-store
//   20,096 ├──────────────┤
//          │ TICKET_KEY   │ the key of TLS 1.3's tickets, of this boot                  tls/ticket
//   20,160 ├──────────────┤
//          │ SESSIONS     │ sessions of TLS 1.2, of this boot                           tls/session-cache
//   20,480 ├──────────────┤
//          │ RSA_KEY      │ of a card that has one, 656 bytes; elsewhere nothing        files/rsa-key
//          ├──────────────┤
//          │ FILE_DATA    │ the contents of files, each in one piece                    files/files
//          └──────────────┘ NVM_BYTES

export const SUPERBLOCK: u32 = 0;
export const SUPERBLOCK_BYTES: u32 = 32;

export const DRBG_SEED: u32 = SUPERBLOCK + SUPERBLOCK_BYTES;
export const DRBG_SLOT_BYTES: u32 = 40;
export const DRBG_SLOTS: u32 = 2;

export const KEY_RECORD: u32 = DRBG_SEED + DRBG_SLOTS * DRBG_SLOT_BYTES;
export const KEY_RECORD_BYTES: u32 = 144;

export const DIRECTORY: u32 = KEY_RECORD + KEY_RECORD_BYTES;
export const ENTRY_BYTES: u32 = 80;
export const ENTRY_COUNT: u32 = 32;

export const TLS_SWAP: u32 = DIRECTORY + ENTRY_COUNT * ENTRY_BYTES;
export const TLS_SWAP_BYTES: u32 = 17280;

export const TICKET_KEY: u32 = TLS_SWAP + TLS_SWAP_BYTES;
export const TICKET_KEY_BYTES: u32 = 64;

export const SESSIONS: u32 = TICKET_KEY + TICKET_KEY_BYTES;
export const SESSION_BYTES: u32 = 80;
export const SESSION_COUNT: u32 = 4;

export const RSA_KEY: u32 = SESSIONS + SESSION_COUNT * SESSION_BYTES;
export const RSA_KEY_BYTES: u32 = TLS10 | TLS_RSA ? 656 : 0;

export const FILE_DATA: u32 = RSA_KEY + RSA_KEY_BYTES;
export const FILE_DATA_END: u32 = NVM_BYTES;
