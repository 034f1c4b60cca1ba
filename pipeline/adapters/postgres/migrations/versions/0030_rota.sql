-- On which days a vehicle is out, and within how many days its footage comes; the last word of each counts.
create table roadwear.vehicle_rota (
  rota_id uuid primary key,
  ordinal bigint generated always as identity,
  owner_id uuid not null references roadwear.organisation,
  vehicle_id uuid not null references roadwear.vehicle,
  weekdays smallint[] not null check (weekdays <@ array[0, 1, 2, 3, 4, 5, 6]::smallint[]),
  within_days int not null check (within_days between 0 and 31),
  from_day date not null,
  person_id uuid not null references roadwear.person,
  said_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index vehicle_rota_of on roadwear.vehicle_rota (owner_id, vehicle_id, ordinal desc);
create trigger logged after insert on roadwear.vehicle_rota
  for each row execute function roadwear.log_row('rota_id');
create trigger only_added before update or delete on roadwear.vehicle_rota
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.vehicle_rota to roadwear_app;
alter table roadwear.vehicle_rota enable row level security;
alter table roadwear.vehicle_rota force row level security;
create policy own on roadwear.vehicle_rota using (owner_id = roadwear.acting_for());

-- What else a person is told by mail once a day (health) or once a week (report).
alter table roadwear.morning_told add column what text not null default 'morning'
  check (what in ('morning', 'health', 'report'));
alter table roadwear.morning_told drop constraint morning_told_pkey;
alter table roadwear.morning_told add primary key (owner_id, day, what, person_id);
