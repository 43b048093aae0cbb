-- The second fence around the rows of a user (SEC-15). The policies bind the role aibrain_app, which the server takes for each
-- statement where ROW_LEVEL_SECURITY is on; the owner of the tables, who migrates, looks after the store and is the server where
-- it is off, is not bound.

-- A role belongs to the cluster: other databases on it may have made it already, or be making it now.
do $$
begin
  begin
    if not exists (select 1 from pg_roles where rolname = 'aibrain_app') then create role aibrain_app nologin; end if;
  exception when duplicate_object or unique_violation then null;
  end;
  if not pg_has_role(current_user, 'aibrain_app', 'member') then execute format('grant aibrain_app to %I', current_user); end if;
exception when insufficient_privilege then
  raise notice 'no role aibrain_app: ROW_LEVEL_SECURITY needs it, made and granted by somebody who may';
end $$;

-- The users whose rows may be seen. A setting that was local to an earlier transaction reads as empty.
create function aibrain_user_ids() returns uuid[] language sql stable parallel safe
  as $$ select nullif(current_setting('app.user_ids', true), '')::uuid[] $$;

-- Puts every table that has a user_id behind the fence. A later migration that adds tables ends with `select aibrain_fence_tables()`.
-- The users are read once for each statement: in a subselect, and not for each row. The fence is for aibrain_app alone.
create function aibrain_fence_tables() returns void language plpgsql as $$
declare
  name text;
begin
  if not exists (select 1 from pg_roles where rolname = 'aibrain_app') then return; end if;
  execute format('grant usage on schema %I to aibrain_app', current_schema());
  execute format('grant select, insert, update, delete on all tables in schema %I to aibrain_app', current_schema());
  revoke insert, update, delete on schema_migrations from aibrain_app;
  for name in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
      where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace and not c.relrowsecurity
  loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_rows on %I to aibrain_app using (user_id = any ((select aibrain_user_ids())::uuid[]))', name);
  end loop;
end $$;

select aibrain_fence_tables();
