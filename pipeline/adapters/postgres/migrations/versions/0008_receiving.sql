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
