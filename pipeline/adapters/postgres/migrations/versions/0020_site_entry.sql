-- What a person found on site, as it was told from there, perhaps long after: each under an id that the
-- phone gave it, so that it is kept once however often it is sent.
create table roadwear.site_entry (
  entry_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  defect_id uuid not null references roadwear.defect,
  person_id uuid not null references roadwear.person,
  outcome text not null,
  depth_mm double precision check (depth_mm >= 0),
  how text,
  note text not null,
  photo_key text,
  followed text not null,
  happened_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index site_entry_of_defect on roadwear.site_entry (defect_id, happened_at);
create index defect_to_visit on roadwear.defect (authority_id) where state = 'site_visit';
create trigger only_added before update or delete on roadwear.site_entry
  for each statement execute function roadwear.refuse_change();
create trigger logged after insert on roadwear.site_entry
  for each row execute function roadwear.log_row('entry_id');
grant select, insert on roadwear.site_entry to roadwear_app;
alter table roadwear.site_entry enable row level security;
alter table roadwear.site_entry force row level security;
create policy own on roadwear.site_entry using (authority_id = roadwear.acting_for());
