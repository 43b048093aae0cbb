/**
 * The version of the wire, told in HELLO and WELCOME. A change of a frame that an older reader cannot take raises it; a new
 * optional field does not. `test/protocol/fingerprint.test.ts` fails on any change of the frames until this is decided.
 */
export const protocolVersion = 1;
