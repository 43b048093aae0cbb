/** The tables of `migrations/`, as Kysely sees them. */
import type { ColumnType, Generated } from 'kysely';

type Json<T> = ColumnType<T, string, string>;

export interface Tables {
  accounts: { email: string; user_id: string };
  users: { user_id: string; email: string; password_hash: string; settings: Json<Record<string, unknown>>; created_at: Date };
  devices: {
    user_id: string;
    ordinal: number;
    id: string;
    name: string;
    platform: string | null;
    session_id: string | null;
    created_at: Date;
    last_seen_at: Date;
    cursor: Generated<number>;
    revoked_at: Date | null;
  };
  sessions: { user_id: string; id: string; device: number; created_at: Date; expires_at: Date; ended_at: Date | null };
  refresh_tokens: { user_id: string; hash: Uint8Array; session_id: string; expires_at: Date; used_at: Date | null };
  api_keys: {
    user_id: string;
    id: string;
    hash: Uint8Array;
    name: string;
    scopes: string[];
    created_at: Date;
    expires_at: Date | null;
    last_used_at: Date | null;
  };
  login_attempts: { user_id: string; source: Uint8Array; failures: number; last_at: Date; succeeded_at: Date | null };
  user_heads: {
    user_id: string;
    epoch: string;
    seq: Generated<number>;
    floor: Generated<number>;
    hash: Uint8Array;
    clock: Uint8Array;
    state_hash: Uint8Array;
    live: Generated<number>;
    origin: Generated<string | null>;
  };
  epochs: { user_id: string; epoch: string; shared_seq: number; ended_at: Date };
  events: {
    user_id: string;
    seq: number;
    device: number;
    counter: number;
    memory_id: string;
    at_ms: number;
    kind: number;
    prev_seq: number;
    wire: Uint8Array;
    meta: Uint8Array;
    salt: Uint8Array | null;
    payload_hash: Uint8Array | null;
    hash: Uint8Array;
  };
  memories: {
    user_id: string;
    id: string;
    seq: number;
    deleted: boolean;
    erased: boolean;
    open_conflicts: number;
    confidence: number | null;
    created_ms: number;
    updated_ms: number;
    type: string;
    scope: string;
    content: string;
    tags: string[];
    source: Json<unknown>;
    stamps: Uint8Array;
  };
  conflicts: {
    user_id: string;
    id: string;
    memory_id: string;
    register: string;
    winner_seq: number;
    loser_seq: number;
    winner_device: number;
    loser_device: number;
    winner_value: Json<unknown>;
    loser_value: Json<unknown>;
    at_ms: number;
    resolution: string | null;
    resolved_seq: number | null;
  };
  memory_accesses: { user_id: string; memory_id: string; count: number; last_ms: number };
  recall_heads: {
    user_id: string;
    text_seq: Generated<number>;
    text_count: Generated<number>;
    text_length: Generated<number>;
  };
  memory_texts: {
    user_id: string;
    memory_id: string;
    length: number;
    conversation: string | null;
    at_ms: number;
    terms: string;
  };
  text_terms: { user_id: string; term: string; memories: number };
  vector_heads: {
    user_id: string;
    model: string;
    seq: Generated<number>;
    pass_head: number | null;
    pass_after: string | null;
    complete: Generated<boolean>;
    vectors: Generated<number>;
    leased_until: Date | null;
  };
  ingested_messages: {
    user_id: string;
    conversation: Uint8Array;
    message: Uint8Array;
    position: number;
    said_at: Date | null;
    ingested_at: Date;
    memory_ids: string[];
  };
  memory_vectors: { user_id: string; model: string; memory_id: string; content_hash: Uint8Array; h: string; b: string };
}
