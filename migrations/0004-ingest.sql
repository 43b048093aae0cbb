-- Messages that were read for memories, so that each is read once. Conversation and message are hashes; content is kept nowhere.
-- A conversation that is ingested again finds its rows by one range of the key.
create table ingested_messages (
  user_id uuid not null,
  conversation bytea not null,
  message bytea not null,
  -- Its place in the conversation when it was read, from 0, and when it was said, where that is known.
  position int not null,
  said_at timestamptz,
  ingested_at timestamptz not null,
  -- The memories that came of it or were changed by it.
  memory_ids uuid[] not null,
  primary key (user_id, conversation, message)
);
