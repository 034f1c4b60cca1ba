-- Keys of systems outside: each is one council's, may do what its scopes say, and ends on a day.
create table roadwear.api_token (
  token_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  name text not null check (name <> ''),
  scopes text[] not null,
  token_sha256 text not null unique,
  ends_at timestamptz not null,
  added_by text not null,
  recorded_at timestamptz not null default now()
);
create table roadwear.api_token_closed (
  token_id uuid primary key references roadwear.api_token,
  authority_id uuid not null,
  closed_by text not null,
  recorded_at timestamptz not null default now()
);

do $$
declare name text;
begin
  foreach name in array array['api_token', 'api_token_closed'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('create trigger logged after insert on roadwear.%I
                    for each row execute function roadwear.log_row(''token_id'')', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
  end loop;
end $$;
-- A key is shown before it is known whose it is: then the one row with its hash may be looked up.
create policy own on roadwear.api_token using (
  authority_id = roadwear.acting_for()
  or token_sha256 = nullif(current_setting('roadwear.token_sha256', true), ''));
create policy own on roadwear.api_token_closed using (authority_id = roadwear.acting_for());

-- Orders and defects are read a page at a time.
create index works_order_in_order on roadwear.works_order (authority_id, ordered_at, order_id);
create index defect_in_order on roadwear.defect (authority_id, state, defect_id);
