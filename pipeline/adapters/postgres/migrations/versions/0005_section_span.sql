-- On which sections of a network each run looked, and where it did not and why.
create table roadwear.section_span (
  network_id uuid not null references roadwear.road_network,
  run_id uuid not null references roadwear.run,
  ordinal int not null,
  authority_id uuid not null references roadwear.organisation,
  section_id text not null,
  along boolean not null,
  from_m double precision not null,
  to_m double precision not null check (to_m >= from_m),
  reason text,
  passed_at timestamptz not null,
  probability double precision not null check (probability between 0 and 1),
  recorded_at timestamptz not null default now(),
  primary key (network_id, run_id, ordinal),
  foreign key (network_id, section_id) references roadwear.road_section
);
create index span_of_section on roadwear.section_span (network_id, section_id);
create trigger only_added before update or delete on roadwear.section_span
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.section_span to roadwear_app;
alter table roadwear.section_span enable row level security;
alter table roadwear.section_span force row level security;
create policy own on roadwear.section_span using (authority_id = roadwear.acting_for());
