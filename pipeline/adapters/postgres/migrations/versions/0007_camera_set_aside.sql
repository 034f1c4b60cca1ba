-- A camera that was found wrongly is set aside by a person, and found anew or given.
alter table roadwear.camera_found drop constraint camera_found_pkey;
alter table roadwear.camera_found add column attempt int not null default 1;
alter table roadwear.camera_found add primary key (drive_id, attempt);
create table roadwear.camera_set_aside (
  drive_id uuid not null,
  attempt int not null,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  said_by text not null,
  reason text not null check (reason <> ''),
  recorded_at timestamptz not null default now(),
  primary key (drive_id, attempt),
  foreign key (drive_id, attempt) references roadwear.camera_found
);
create trigger only_added before update or delete on roadwear.camera_set_aside
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.camera_set_aside to roadwear_app;
alter table roadwear.camera_set_aside enable row level security;
alter table roadwear.camera_set_aside force row level security;
create policy own on roadwear.camera_set_aside using
  (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for());
create view roadwear.camera_in_use with (security_invoker = true) as
  select f.* from roadwear.camera_found f where not exists
    (select 1 from roadwear.camera_set_aside a
     where a.drive_id = f.drive_id and a.attempt = f.attempt);
grant select on roadwear.camera_in_use to roadwear_app;
