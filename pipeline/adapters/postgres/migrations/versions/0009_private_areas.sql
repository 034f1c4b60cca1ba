-- What is not kept of what comes in; who is told by mail; answers to what was asked.

-- Circles in which nothing is kept of a drive: homes, depots.
create table roadwear.private_area (
  area_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  name text not null check (name <> ''),
  lon_deg double precision not null,
  lat_deg double precision not null,
  radius_m double precision not null check (radius_m > 0),
  said_by text not null,
  recorded_at timestamptz not null default now()
);
create table roadwear.private_area_ended (
  area_id uuid primary key references roadwear.private_area,
  owner_id uuid not null,
  said_by text not null,
  recorded_at timestamptz not null default now()
);
-- Which bytes of a file had to go when its batch was read: offset and length by turns, and where
-- one of them lies that was not zero. The latest reading counts, as soon as its batch is done. Kept,
-- so that a restored backup of the footage is blanked again.
create table roadwear.cut_out (
  cut_id bigint generated always as identity primary key,
  owner_id uuid not null references roadwear.organisation,
  batch_id uuid not null references roadwear.batch,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  bytes bigint[] not null,
  witness bigint,
  recorded_at timestamptz not null default now()
);
create index cut_out_of on roadwear.cut_out (owner_id, sha256, cut_id desc);
-- When a file of a batch began, as a person says who was asked; the latest word counts.
create table roadwear.batch_answer (
  answer_id bigint generated always as identity primary key,
  batch_id uuid not null references roadwear.batch,
  owner_id uuid not null,
  path text not null,
  began_at timestamptz not null,
  said_by text not null,
  recorded_at timestamptz not null default now()
);
create index batch_answer_of on roadwear.batch_answer (batch_id);

-- In whose folder the bytes lie: depots' computers may share one database. Null: from before.
alter table roadwear.stored_file add column store uuid;
alter table roadwear.batch add column store uuid;

alter table roadwear.batch add column asked text[] not null default '{}';
alter table roadwear.batch add column mailed_at timestamptz;
alter table roadwear.depot add column mail text not null default '';

do $$
declare name text;
begin
  foreach name in array array['private_area', 'private_area_ended', 'cut_out', 'batch_answer'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (owner_id = roadwear.acting_for())', name);
  end loop;
end $$;
create view roadwear.standing_area with (security_invoker = true) as
  select a.* from roadwear.private_area a
  where not exists (select 1 from roadwear.private_area_ended e where e.area_id = a.area_id);
grant select on roadwear.standing_area to roadwear_app;
