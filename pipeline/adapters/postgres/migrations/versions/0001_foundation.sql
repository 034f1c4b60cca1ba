-- The foundation. Two organisations are in the keys from the first day: whose footage it is
-- (owner_id) and whose road it is (authority_id). The application's role owns nothing.

create extension if not exists postgis;

do $$ begin
  if not exists (select from pg_roles where rolname = 'roadwear_app') then
    create role roadwear_app nologin;
  end if;
end $$;

create schema roadwear;
grant usage on schema roadwear to roadwear_app;

-- The organisation that the present transaction acts for; null when none was set, and then no
-- row of any organisation is seen.
create function roadwear.acting_for() returns uuid language sql stable
  as $$ select nullif(current_setting('roadwear.organisation', true), '')::uuid $$;

create function roadwear.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are only ever added', tg_table_name using errcode = 'RW001';
end $$;

create table roadwear.organisation (
  organisation_id uuid primary key,
  slug text not null unique,
  recorded_at timestamptz not null default now()
);

create table roadwear.vehicle (
  vehicle_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  fleet_number text not null,
  recorded_at timestamptz not null default now(),
  unique (owner_id, fleet_number)
);

create table roadwear.person (
  person_id uuid primary key,
  organisation_id uuid not null references roadwear.organisation,
  email text not null unique check (email = lower(email)),
  name text not null,
  password_hash text not null,
  roles text[] not null,
  recorded_at timestamptz not null default now()
);

create table roadwear.drive (
  drive_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  vehicle_id uuid not null references roadwear.vehicle,
  rig jsonb,
  clock jsonb,
  started_at timestamptz,
  recorded_at timestamptz not null default now()
);

create table roadwear.drive_fix (
  drive_id uuid not null references roadwear.drive,
  owner_id uuid not null,
  authority_id uuid not null,
  ordinal int not null,
  taken_at timestamptz not null,
  lon_deg double precision not null,
  lat_deg double precision not null,
  sigma_m double precision,
  primary key (drive_id, ordinal)
);

create table roadwear.clip (
  owner_id uuid not null references roadwear.organisation,
  clip_sha256 text not null check (clip_sha256 ~ '^[0-9a-f]{64}$'),
  authority_id uuid not null references roadwear.organisation,
  drive_id uuid not null references roadwear.drive,
  location text not null,
  width_px int not null,
  height_px int not null,
  time_base_num bigint not null,
  time_base_den bigint not null,
  first_pts bigint not null,
  duration_s double precision not null,
  started_at timestamptz,
  received_at timestamptz not null default now(),
  primary key (owner_id, clip_sha256)
);

create table roadwear.run (
  run_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  drive_id uuid not null references roadwear.drive,
  clip_sha256 text not null,
  from_pts bigint not null,
  to_pts bigint not null,
  detector jsonb not null,
  rig jsonb not null,
  clock jsonb not null,
  settings_sha256 text not null,
  mark text not null check (mark in ('live', 'study')),
  state text not null default 'current' check (state in ('current', 'superseded', 'void')),
  looked int not null,
  decoded int not null,
  not_looked jsonb not null,
  cut_at_s double precision,
  recorded_at timestamptz not null default now(),
  foreign key (owner_id, clip_sha256) references roadwear.clip
);
create unique index run_one_current on roadwear.run (owner_id, clip_sha256, from_pts, to_pts)
  where state = 'current' and mark = 'live';
create index run_of_drive on roadwear.run (drive_id);

create table roadwear.look_refused (
  run_id uuid not null references roadwear.run,
  owner_id uuid not null,
  authority_id uuid not null,
  ordinal int not null,
  pts bigint,
  chainage_m double precision not null,
  reason text not null,
  detail text not null,
  primary key (run_id, ordinal)
);

create table roadwear.observation (
  observation_id uuid primary key,
  owner_id uuid not null,
  authority_id uuid not null,
  run_id uuid not null references roadwear.run,
  drive_id uuid not null references roadwear.drive,
  clip_sha256 text not null,
  pts bigint not null,
  seen_at timestamptz not null,
  kind text not null,
  confidence double precision not null,
  left_px double precision not null,
  top_px double precision not null,
  right_px double precision not null,
  bottom_px double precision not null,
  at geometry(Point, 27700) not null,
  var_e double precision not null,
  var_n double precision not null,
  cov_en double precision not null,
  shared_var_e double precision not null,
  shared_var_n double precision not null,
  shared_cov_en double precision not null,
  heading_deg double precision not null,
  chainage_m double precision not null,
  range_m double precision not null,
  offset_m double precision not null,
  width_m double precision not null,
  width_sigma_m double precision not null,
  length_m double precision not null,
  length_sigma_m double precision not null,
  size_how text not null,
  recorded_at timestamptz not null default now()
);
create index observation_at on roadwear.observation using gist (at);
create index observation_of_run on roadwear.observation (run_id);
create index observation_of_drive on roadwear.observation (drive_id);

create table roadwear.coverage (
  run_id uuid not null references roadwear.run,
  owner_id uuid not null,
  authority_id uuid not null,
  ordinal int not null,
  from_m double precision not null,
  to_m double precision not null,
  reason text,
  left_m double precision not null,
  right_m double precision not null,
  line geometry(LineString, 27700) not null,
  primary key (run_id, ordinal)
);
create index coverage_line on roadwear.coverage using gist (line);

create table roadwear.still (
  run_id uuid not null references roadwear.run,
  owner_id uuid not null,
  authority_id uuid not null,
  pts bigint not null,
  kind text not null,
  ordinal int not null,
  observation_id uuid references roadwear.observation,
  taken_at timestamptz not null,
  chainage_m double precision not null,
  width_px int not null,
  height_px int not null,
  bystanders int not null,
  blob_key text not null,
  recorded_at timestamptz not null default now(),
  primary key (run_id, pts, kind, ordinal)
);
create index still_of_observation on roadwear.still (observation_id);

create table roadwear.defect (
  defect_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  kind text not null,
  state text not null,
  at geometry(Point, 27700) not null,
  var_e double precision not null,
  var_n double precision not null,
  cov_en double precision not null,
  confidence double precision not null,
  sightings int not null,
  drives int not null,
  heading_deg double precision not null,
  offset_m double precision not null,
  width_m double precision not null,
  width_sigma_m double precision not null,
  length_m double precision not null,
  length_sigma_m double precision not null,
  size_how text not null,
  depth_mm double precision,
  depth_sigma_mm double precision,
  depth_how text,
  version int not null,
  emptied_at timestamptz,
  captured_at timestamptz not null,
  last_seen_at timestamptz not null,
  received_at timestamptz not null,
  detected_at timestamptz not null,
  first_shown_at timestamptz,
  decided_at timestamptz,
  ordered_at timestamptz,
  accepted_at timestamptz,
  recorded_at timestamptz not null default now()
);
create index defect_at on roadwear.defect using gist (at);
create index defect_of_authority on roadwear.defect (authority_id, state);

-- To which defect a sighting belongs: the latest row counts, none is ever changed.
create table roadwear.membership (
  membership_id bigint generated always as identity primary key,
  authority_id uuid not null,
  observation_id uuid not null references roadwear.observation,
  defect_id uuid not null references roadwear.defect,
  reason text not null,
  recorded_at timestamptz not null default now()
);
create index membership_of_observation on roadwear.membership (observation_id, membership_id desc);
create index membership_of_defect on roadwear.membership (defect_id);

create view roadwear.current_membership with (security_invoker = true) as
  select distinct on (observation_id) observation_id, defect_id, authority_id
  from roadwear.membership order by observation_id, membership_id desc;

-- A person's word that two sightings are one hole, or two; the latest row of a pair counts, and
-- `together` null takes the word back.
create table roadwear.gather_constraint (
  constraint_id bigint generated always as identity primary key,
  authority_id uuid not null,
  first_id uuid not null references roadwear.observation,
  second_id uuid not null references roadwear.observation,
  together boolean,
  person_id uuid references roadwear.person,
  reason text not null,
  recorded_at timestamptz not null default now(),
  check (first_id < second_id)
);

create table roadwear.policy (
  authority_id uuid not null references roadwear.organisation,
  policy_sha256 text not null,
  name text not null,
  version text not null,
  valid_from date not null,
  source text not null,
  content bytea not null,
  recorded_at timestamptz not null default now(),
  primary key (authority_id, policy_sha256)
);

create table roadwear.queue_entry (
  defect_id uuid primary key references roadwear.defect,
  authority_id uuid not null,
  policy_sha256 text not null,
  score double precision not null,
  impact int not null,
  likelihood int not null,
  category text not null,
  respond_within_h double precision,
  reasons text[] not null,
  recorded_at timestamptz not null default now(),
  foreign key (authority_id, policy_sha256) references roadwear.policy
);

create table roadwear.decision (
  decision_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  defect_id uuid not null references roadwear.defect,
  person_id uuid not null references roadwear.person,
  move text not null,
  reason text,
  note text not null,
  seen_version int not null,
  policy_sha256 text not null,
  shown jsonb not null,
  decided_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index decision_of_defect on roadwear.decision (defect_id, decided_at);

-- Evidence is only ever added.
do $$
declare name text;
begin
  foreach name in array array['drive_fix', 'look_refused', 'observation', 'coverage', 'still',
                              'membership', 'gather_constraint', 'policy', 'decision'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
  end loop;
  foreach name in array array['organisation', 'vehicle', 'person', 'drive', 'clip'] loop
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
  end loop;
  foreach name in array array['run', 'defect', 'queue_entry'] loop
    execute format('grant select, insert, update on roadwear.%I to roadwear_app', name);
  end loop;
  execute 'grant delete on roadwear.queue_entry to roadwear_app';
  execute 'grant select on roadwear.current_membership to roadwear_app';
end $$;

-- Row security, forced: an organisation sees what is its footage or its road, and nothing else.
do $$
declare name text;
begin
  foreach name in array array['drive', 'drive_fix', 'clip', 'run', 'look_refused', 'observation',
                              'coverage', 'still'] loop
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for())', name);
  end loop;
  foreach name in array array['defect', 'membership', 'gather_constraint', 'policy', 'queue_entry',
                              'decision'] loop
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
  end loop;
end $$;
alter table roadwear.vehicle enable row level security;
alter table roadwear.vehicle force row level security;
create policy own on roadwear.vehicle using (owner_id = roadwear.acting_for());
alter table roadwear.person enable row level security;
alter table roadwear.person force row level security;
-- Signing in comes before the organisation is known: then one address may be looked up.
create policy own on roadwear.person using (
  organisation_id = roadwear.acting_for()
  or email = nullif(current_setting('roadwear.sign_in_email', true), ''));
