-- Keys for scripts, and how passwords were tried.

-- An API key stands for a session (of the same id) on a device of its own, so whatever ends the session, or revokes the
-- device, ends the key. Only a hash is stored; scopes are what its maker asked for.
create table api_keys (
  user_id uuid not null,
  id uuid not null,
  hash bytea not null,
  name text not null,
  scopes text[] not null,
  created_at timestamptz not null,
  -- null: it does not expire.
  expires_at timestamptz,
  last_used_at timestamptz,
  primary key (user_id, id),
  unique (user_id, hash),
  foreign key (user_id, id) references sessions on delete cascade
);

-- Attempts to prove a password that were not (yet) successful. source: a hash of a network or of a known device, empty for all
-- strangers together. user_id: the account's, or for an e-mail without account a UUID that is made of it, so that both cost the
-- same; hence no foreign key. Rows are thrown away when they tell nothing any more.
create table login_attempts (
  user_id uuid not null,
  source bytea not null,
  failures int not null,
  last_at timestamptz not null,
  -- The password was right from here.
  succeeded_at timestamptz,
  primary key (user_id, source)
);
