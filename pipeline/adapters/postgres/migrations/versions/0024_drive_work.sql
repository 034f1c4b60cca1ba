-- What became of the work on a drive: begun, lost, cut off by an outage, failed, done. Whoever distributes the
-- work may forget: this does not. That a person asked for another try is logged as what persons say is.
create table roadwear.drive_work (
  work_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  drive_id uuid not null references roadwear.drive,
  kind text not null check (kind in ('begun', 'lost', 'outage', 'failed', 'done')),
  sentence text not null,
  flow_run_id uuid,
  happened_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index drive_work_of_drive on roadwear.drive_work (owner_id, drive_id, happened_at);
create index drive_work_by_time on roadwear.drive_work (owner_id, happened_at desc);

create table roadwear.work_asked (
  asked_id uuid primary key,
  ordinal bigint generated always as identity,
  owner_id uuid not null references roadwear.organisation,
  drive_id uuid not null references roadwear.drive,
  person_id uuid not null references roadwear.person,
  asked_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index work_asked_of_drive on roadwear.work_asked (owner_id, drive_id, asked_at);
create trigger logged after insert on roadwear.work_asked
  for each row execute function roadwear.log_row('asked_id');

do $$
declare name text;
begin
  foreach name in array array['drive_work', 'work_asked']
  loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using (owner_id = roadwear.acting_for())', name);
  end loop;
end $$;

-- Whom it was told, once a morning, that something promised is not done.
create table roadwear.morning_told (
  owner_id uuid not null references roadwear.organisation,
  day date not null,
  person_id uuid not null references roadwear.person,
  sentence text not null,
  told_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  primary key (owner_id, day, person_id)
);
create trigger only_added before update or delete on roadwear.morning_told
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.morning_told to roadwear_app;
alter table roadwear.morning_told enable row level security;
alter table roadwear.morning_told force row level security;
create policy own on roadwear.morning_told using (owner_id = roadwear.acting_for());
