-- How far the ledger of deletions, which stands beside the database, was carried out on it. A
-- database that comes out of a backup knows less of the ledger than there is: what was deleted
-- since is deleted again before anybody is served.
create table roadwear.deletions_known (
  store_id uuid not null,
  lines bigint not null check (lines >= 0),
  recorded_at timestamptz not null default now(),
  primary key (store_id, lines)
);
create trigger only_added before update or delete on roadwear.deletions_known
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.deletions_known to roadwear_app;

-- Whoever serves may ask whether this database has what the pages read.
grant select on public.schema_version to roadwear_app;
