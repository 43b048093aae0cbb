-- Lineages of a log (SYN-5). After a backup was restored the log begins a new epoch, so that devices which saw more of the
-- old one than the backup holds find out.

-- The epochs of a user's log that ended. shared_seq: the newest event that the ended lineage shares with the present one.
create table epochs (
  user_id uuid not null references users on delete cascade,
  epoch uuid not null,
  shared_seq bigint not null,
  ended_at timestamptz not null,
  primary key (user_id, epoch)
);

-- The first epoch of the log, null while it is the present one. The chain of hashes and the ids of conflicts begin with it:
-- they outlast every later epoch.
alter table user_heads add column origin uuid;
