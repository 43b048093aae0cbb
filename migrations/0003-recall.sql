-- Recall: what finds memories by meaning and by words. Made after the write from what was written, outside the log (LOG-7), and
-- never waited for by a write: all of it can be thrown away and made again.

create extension if not exists vector;
create extension if not exists btree_gin;

-- How far each projection of a user's memories has come in the log. Searches read the few memories after text_seq themselves.
-- text_count and text_length: memories in memory_texts, and their words in all.
create table recall_heads (
  user_id uuid primary key,
  text_seq bigint not null default 0,
  text_count bigint not null default 0,
  text_length bigint not null default 0
) with (fillfactor = 50);

-- The words of a live memory's content as stems with their positions, and how many they are. conversation and at_ms: its place
-- among the memories of the same conversation, whose neighbours speak of the same.
create table memory_texts (
  user_id uuid not null,
  memory_id uuid not null,
  length int not null,
  conversation text,
  at_ms bigint not null,
  terms tsvector not null,
  primary key (user_id, memory_id)
);
create index memory_texts_by_term on memory_texts using gin (user_id, terms);
create index memory_texts_by_conversation on memory_texts (user_id, conversation, at_ms, memory_id) where conversation is not null;

-- In how many of the user's memories a term is: rare words say more.
create table text_terms (
  user_id uuid not null,
  term text not null,
  memories int not null,
  primary key (user_id, term)
) with (fillfactor = 80);

-- How far the vectors of one model have come. complete: it had reached the head once, so searches may rely on it. pass_head,
-- pass_after: its first pass, over the memories as they stand, had the log at pass_head and is done up to that memory.
-- leased_until: one process works on it until then; null where no process of ours ever did: its vectors were brought by clients.
-- Whoever writes or deletes vectors locks the user's rows here first, in the order of the key: so what is erased is not made again
-- from what somebody had read before (LOG-3).
create table vector_heads (
  user_id uuid not null references users on delete cascade,
  model text not null,
  seq bigint not null default 0,
  pass_head bigint,
  pass_after uuid,
  complete boolean not null default false,
  vectors bigint not null default 0,
  leased_until timestamptz,
  primary key (user_id, model)
);

-- Vectors in a narrow table of their own, so that edits of a memory stay cheap. content_hash: of the text that was embedded.
-- The bits are in the key's index: the coarse scan reads nothing else.
create table memory_vectors (
  user_id uuid not null,
  model text not null,
  memory_id uuid not null,
  content_hash bytea not null,
  h halfvec(1536) not null,
  b bit(1536) not null,
  primary key (user_id, model, memory_id) include (b),
  foreign key (user_id, model) references vector_heads on delete cascade
);
alter table memory_vectors alter column h set storage plain;
