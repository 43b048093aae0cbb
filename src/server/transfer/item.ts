/** What a file holds, one after the other: memories, conversations, and what could not be read of it. */
import type { ErrorCode } from '../../core/errors.ts';
import type { MemoryId } from '../../core/ids.ts';
import type { MemoryFields } from '../../core/memory.ts';

/** A memory of a file. Times are Unix ms, null where the file does not say. */
export interface FileMemory {
  readonly id: MemoryId | null;
  readonly fields: MemoryFields;
  readonly createdAt: number | null;
  readonly updatedAt: number | null;
  /** The file's own embedding of the content. */
  readonly embedding: FileEmbedding | null;
}

export interface FileEmbedding {
  readonly numbers: readonly number[];
  readonly model: string | undefined;
}

export interface FileMessage {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  readonly at: number | null;
}

/** A chat of an export, its messages in order. */
export interface FileConversation {
  readonly id: string;
  readonly platform: string;
  readonly title: string | null;
  readonly messages: readonly FileMessage[];
}

export interface Fault {
  readonly code: ErrorCode;
  /** The field, dotted; empty where the record as a whole is meant. */
  readonly path: string;
  readonly message: string;
}

export type Content =
  | { readonly memory: FileMemory }
  | { readonly conversation: FileConversation }
  | { readonly fault: Fault }
  /** A record that says of itself that it is deleted. */
  | { readonly deleted: true };

/** `index`: the record's number in the file, from 0. `place`: where it stands, for people. */
export type Item = Content & { readonly index: number; readonly place: string };

export type Bytes = AsyncIterable<Uint8Array>;

export const transferLimits = {
  /** Bytes of one record. */
  recordBytes: 1_048_576,
  /** Bytes of one conversation of a chat export, with all its branches. */
  conversationBytes: 67_108_864,
  /** Bytes of a file, unpacked. */
  fileBytes: 2_147_483_648,
  /** Failures that are listed; all are counted. */
  listedFailures: 1_000,
} as const;

export const fault = (path: string, message: string, code: ErrorCode = 'invalid_request'): { readonly fault: Fault } => ({
  fault: { code, path, message },
});
