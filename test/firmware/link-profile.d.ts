// Constants that test/firmware/link.ts is compiled with, for the type checker.

/** 1: the link is ISO 7816, 0: a serial line. */
declare const CARD: u32;
