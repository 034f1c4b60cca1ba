-- What comes in: who may hand it in, in which batch, and what became of every file.

-- A depot's or a vehicle's key; only its hash is kept.
create table roadwear.depot (
  depot_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  name text not null check (name <> ''),
  fleet_number text not null default '',
  forward_channel text not null default '',
  token_sha256 text not null unique,
  added_by text not null,
  recorded_at timestamptz not null default now()
);
create table roadwear.depot_closed (
  depot_id uuid primary key references roadwear.depot,
  owner_id uuid not null,
  closed_by text not null,
  recorded_at timestamptz not null default now()
);

-- Bytes that are kept; the row stays when they are gone.
create table roadwear.stored_file (
  owner_id uuid not null references roadwear.organisation,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  authority_id uuid not null references roadwear.organisation,
  size_bytes bigint not null,
  location text not null,
  received_at timestamptz not null,
  silent boolean not null default false,
  gone_at timestamptz,
  primary key (owner_id, sha256)
);

create table roadwear.batch (
  batch_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  depot_id uuid references roadwear.depot,
  fleet_number text not null,
  source text not null,
  state text not null default 'open' check (state in ('open', 'closed', 'done')),
  questions text[] not null default '{}',
  opened_at timestamptz not null,
  closed_at timestamptz,
  done_at timestamptz
);
create index batch_of_owner on roadwear.batch (owner_id, opened_at desc);
create index batch_to_do on roadwear.batch (closed_at) where state = 'closed';

create table roadwear.batch_file (
  batch_id uuid not null references roadwear.batch,
  owner_id uuid not null,
  authority_id uuid not null,
  path text not null,
  size_bytes bigint not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  upload_id uuid unique,
  arrived_at timestamptz,
  outcome text check (outcome in ('accepted', 'in_part', 'refused', 'already_there')),
  blocks_wiping boolean not null default true,
  sentence text not null default '',
  drive_id uuid references roadwear.drive,
  primary key (batch_id, path)
);
create index batch_file_bytes on roadwear.batch_file (owner_id, sha256);

-- A camera whose serial number says on which vehicle it is.
create table roadwear.vehicle_camera (
  owner_id uuid not null references roadwear.organisation,
  serial text not null check (serial <> ''),
  fleet_number text not null,
  said_by text not null,
  recorded_at timestamptz not null default now(),
  primary key (owner_id, serial, recorded_at)
);

-- What each minute of a clip is worth, judged once, before anybody sees anything of it.
create table roadwear.clip_quality (
  owner_id uuid not null,
  clip_sha256 text not null,
  authority_id uuid not null,
  from_s double precision not null,
  to_s double precision not null,
  frames int not null,
  usable int not null,
  reason text,
  recorded_at timestamptz not null default now(),
  primary key (owner_id, clip_sha256, from_s),
  foreign key (owner_id, clip_sha256) references roadwear.clip
);

do $$
declare name text;
begin
  foreach name in array array['depot', 'depot_closed', 'vehicle_camera', 'clip_quality'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
  end loop;
  foreach name in array array['stored_file', 'batch', 'batch_file'] loop
    execute format('grant select, insert, update on roadwear.%I to roadwear_app', name);
  end loop;
  foreach name in array array['depot_closed', 'stored_file', 'batch', 'batch_file',
                              'vehicle_camera'] loop
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (owner_id = roadwear.acting_for())', name);
  end loop;
end $$;
alter table roadwear.clip_quality enable row level security;
alter table roadwear.clip_quality force row level security;
create policy own on roadwear.clip_quality using
  (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for());
-- A key is shown before it is known whose it is: then the one row with its hash may be looked up.
alter table roadwear.depot enable row level security;
alter table roadwear.depot force row level security;
create policy own on roadwear.depot using (
  owner_id = roadwear.acting_for()
  or token_sha256 = nullif(current_setting('roadwear.token_sha256', true), ''));

-- How long each kind of thing is kept, by organisation; the latest word counts.
create table roadwear.retention_rule (
  rule_id bigint generated always as identity primary key,
  owner_id uuid not null references roadwear.organisation,
  kind text not null,
  days int not null check (days >= 0),
  said_by text not null,
  recorded_at timestamptz not null default now()
);
-- What happened somewhere at some time and must be kept, till somebody lifts it.
create table roadwear.hold (
  hold_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  lon_deg double precision not null,
  lat_deg double precision not null,
  radius_m double precision not null check (radius_m > 0),
  from_at timestamptz not null,
  to_at timestamptz not null check (to_at > from_at),
  reason text not null check (reason <> ''),
  said_by text not null,
  recorded_at timestamptz not null default now()
);
create table roadwear.hold_lifted (
  hold_id uuid primary key references roadwear.hold,
  owner_id uuid not null,
  reason text not null check (reason <> ''),
  said_by text not null,
  recorded_at timestamptz not null default now()
);
do $$
declare name text;
begin
  foreach name in array array['retention_rule', 'hold', 'hold_lifted'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (owner_id = roadwear.acting_for())', name);
  end loop;
end $$;

-- The holds that stand, and the drives that they keep: those that came near the place at the time.
create view roadwear.standing_hold with (security_invoker = true) as
  select h.* from roadwear.hold h
  where not exists (select 1 from roadwear.hold_lifted l where l.hold_id = h.hold_id);
create view roadwear.held_drive with (security_invoker = true) as
  select distinct f.drive_id, f.owner_id from roadwear.standing_hold h
  join roadwear.drive_fix f on f.owner_id = h.owner_id
    and f.taken_at between h.from_at and h.to_at
    and ST_DistanceSphere(ST_MakePoint(f.lon_deg, f.lat_deg), ST_MakePoint(h.lon_deg, h.lat_deg))
      <= h.radius_m;
grant select on roadwear.standing_hold, roadwear.held_drive to roadwear_app;

-- Tracks are only ever added, and forgotten as a whole when their time is over: by this function,
-- which looks at the clock and at the holds itself.
create function roadwear.refuse_change_but_forgetting() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_user <> 'roadwear_app' then
    return null;
  end if;
  raise exception 'rows of % are only ever added', tg_table_name using errcode = 'RW001';
end $$;
drop trigger only_added on roadwear.drive_fix;
create trigger only_added before update or delete on roadwear.drive_fix
  for each statement execute function roadwear.refuse_change_but_forgetting();
create function roadwear.days_kept(wanted text, otherwise int) returns int language sql stable
  as $$ select coalesce((select days from roadwear.retention_rule
        where kind = wanted and owner_id = roadwear.acting_for()
        order by rule_id desc limit 1), otherwise) $$;
create function roadwear.forget_tracks(at timestamptz, otherwise_days int)
  returns table (forgotten uuid) language plpgsql security definer
  set search_path = roadwear, public as $$
begin
  return query
    with due as (
      select d.drive_id from roadwear.drive d
      where d.owner_id = roadwear.acting_for()
        and d.recorded_at < at - make_interval(days => days_kept('track', otherwise_days))
        and not exists (select 1 from roadwear.held_drive h where h.drive_id = d.drive_id)
    ), gone as (
      delete from roadwear.drive_fix f using due where f.drive_id = due.drive_id
      returning f.drive_id
    )
    select distinct gone.drive_id from gone;
end $$;
grant execute on function roadwear.forget_tracks(timestamptz, int) to roadwear_app;
