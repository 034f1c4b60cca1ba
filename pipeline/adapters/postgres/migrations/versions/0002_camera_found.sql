-- What footage and track say of a drive's camera: found once, and used by every piece of the drive.
create table roadwear.camera_found (
  drive_id uuid primary key references roadwear.drive,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  rig jsonb not null,
  clock jsonb,
  pairs int not null,
  refused int not null,
  moved text[] not null,
  words text[] not null,
  recorded_at timestamptz not null default now()
);

create trigger only_added before update or delete on roadwear.camera_found
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.camera_found to roadwear_app;
alter table roadwear.camera_found enable row level security;
alter table roadwear.camera_found force row level security;
create policy own on roadwear.camera_found using
  (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for());
