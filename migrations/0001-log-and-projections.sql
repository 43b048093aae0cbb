-- The per-user log, its projections, and access. Rules are those of docs/ARCHITECTURE.md and docs/PROTOCOL.md.
--
-- Every primary, unique and foreign key starts with user_id, so every table can be distributed by it. Times that take part
-- in ordering, hashing or rebuilding are Unix milliseconds in bigint columns named *_ms: the same bytes on every engine.
-- Times that only people read are timestamptz.

-- Access ---------------------------------------------------------------------------------------------------------------

-- E-mail uniqueness lives in a table of its own: it is the only key that cannot start with user_id.
create table accounts (
  email text primary key,
  user_id uuid not null
);

create table users (
  user_id uuid primary key,
  email text not null,
  password_hash text not null,
  settings jsonb not null default '{}',
  created_at timestamptz not null
);

-- A replica of the user's memories. Ordinal 0 is the server itself, the writer of every REST request.
create table devices (
  user_id uuid not null references users on delete cascade,
  ordinal int not null,
  id uuid not null,
  name text not null,
  platform text,
  session_id uuid,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  cursor bigint not null default 0,
  revoked_at timestamptz,
  primary key (user_id, ordinal),
  unique (user_id, id)
);

-- A login. device is the ordinal of the device it was made on.
create table sessions (
  user_id uuid not null references users on delete cascade,
  id uuid not null,
  device int not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  primary key (user_id, id)
);

-- Refresh tokens rotate: a used one presented again is a theft, and ends its session. Only hashes are stored.
create table refresh_tokens (
  user_id uuid not null references users on delete cascade,
  hash bytea not null,
  session_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (user_id, hash)
);

-- The log --------------------------------------------------------------------------------------------------------------

-- One row per user, updated by every append: seq is allocated under this row's lock (LOG-1). Half-empty pages keep the
-- updates heap-only. clock is the vector clock of the whole log, so it also holds the last counter of each device.
create table user_heads (
  user_id uuid primary key references users on delete cascade,
  epoch uuid not null,
  seq bigint not null default 0,
  floor bigint not null default 0,
  hash bytea not null,
  clock bytea not null,
  state_hash bytea not null,
  live bigint not null default 0
) with (fillfactor = 50);

-- wire: the event as it goes out in a DELTA, without its seq (SYN-11). meta: what else the hash covers and the audit shows.
-- salt is null, and payload_hash set, when the payload was erased (LOG-3, LOG-4). prev_seq: the event of the same memory
-- before this one, 0 for its first; the history of a memory is walked along it, which saves an index (docs/decisions).
create table events (
  user_id uuid not null,
  seq bigint not null,
  device int not null,
  counter bigint not null,
  memory_id uuid not null,
  at_ms bigint not null,
  kind smallint not null,
  prev_seq bigint not null,
  wire bytea not null,
  meta bytea not null,
  salt bytea,
  payload_hash bytea,
  hash bytea not null,
  primary key (user_id, seq),
  unique (user_id, device, counter)
);

-- Projections ----------------------------------------------------------------------------------------------------------

-- The memories as they stand. stamps: for every register the seq, device and hlc that last won it. No index on a column
-- that updates change: updates stay heap-only.
create table memories (
  user_id uuid not null,
  id uuid not null,
  seq bigint not null,
  deleted boolean not null,
  erased boolean not null,
  open_conflicts int not null,
  confidence double precision,
  created_ms bigint not null,
  updated_ms bigint not null,
  type text not null,
  scope text not null,
  content text not null,
  tags text[] not null,
  source jsonb,
  stamps bytea not null,
  primary key (user_id, id)
) with (fillfactor = 80);

-- Values that lost against a concurrent write, kept until somebody decides (MRG-3). winner and loser values are JSON.
create table conflicts (
  user_id uuid not null,
  id uuid not null,
  memory_id uuid not null,
  register text not null,
  winner_seq bigint not null,
  loser_seq bigint not null,
  winner_device int not null,
  loser_device int not null,
  winner_value jsonb not null,
  loser_value jsonb not null,
  at_ms bigint not null,
  resolution text,
  resolved_seq bigint,
  primary key (user_id, id)
);
create index conflicts_by_memory on conflicts (user_id, memory_id);

-- Statistics, outside the log: reads are not writes (LOG-7).
create table memory_accesses (
  user_id uuid not null references users on delete cascade,
  memory_id uuid not null,
  count bigint not null,
  last_ms bigint not null,
  primary key (user_id, memory_id)
);
