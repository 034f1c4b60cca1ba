-- What an engineer decides: the risk as judged, what it was before, and what is taken back.
alter table roadwear.decision
  add column impact int,
  add column likelihood int,
  add column category text,
  add column because text,
  add column watch_until date,
  add column said_kind text,
  add column takes_back uuid references roadwear.decision,
  add column from_state text,
  add column from_said_kind text,
  add column seen_kind text;
create unique index decision_taken_back_once on roadwear.decision (takes_back);
alter table roadwear.defect add column said_kind text, add column watch_until date;
create index defect_watched on roadwear.defect (authority_id, watch_until) where state = 'watched';

-- What was measured on site, and how; the last of a quantity holds.
create table roadwear.measured (
  measured_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  defect_id uuid not null references roadwear.defect,
  person_id uuid not null references roadwear.person,
  depth_mm double precision not null check (depth_mm >= 0),
  sigma_mm double precision not null check (sigma_mm > 0),
  how text not null,
  note text not null,
  measured_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index measured_of_defect on roadwear.measured (defect_id, measured_at);

-- What entitles a person to decide, from when until when.
create table roadwear.qualification (
  qualification_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  what text not null,
  valid_from date not null,
  valid_until date,
  said_by text not null,
  recorded_at timestamptz not null default now(),
  check (valid_until is null or valid_until >= valid_from)
);
create index qualification_of_person on roadwear.qualification (person_id);

-- Who has a possible defect open to decide on it. This is no evidence: it is changed and forgotten.
create table roadwear.claim (
  defect_id uuid primary key references roadwear.defect,
  authority_id uuid not null,
  person_id uuid not null references roadwear.person,
  since timestamptz not null,
  until timestamptz not null
);
grant select, insert, update, delete on roadwear.claim to roadwear_app;
alter table roadwear.claim enable row level security;
alter table roadwear.claim force row level security;
create policy own on roadwear.claim using (authority_id = roadwear.acting_for());

do $$
declare name text;
begin
  foreach name in array array['measured', 'qualification'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('create trigger logged after insert on roadwear.%I
                    for each row execute function roadwear.log_row(%L)', name, name || '_id');
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
  end loop;
end $$;
