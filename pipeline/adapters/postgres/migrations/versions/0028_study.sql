-- Studies: old footage, or the pictures that were kept of it, looked at again by another model. What a study
-- finds counts nowhere until a named person releases it; its runs are marked as a study's.
create table roadwear.study (
  study_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  looks_at text not null check (looks_at in ('footage', 'pictures')),
  model text not null,
  why text not null,
  from_day date not null,
  to_day date not null check (to_day >= from_day),
  asked_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index study_of_owner on roadwear.study (owner_id, asked_at);

create table roadwear.study_released (
  study_id uuid primary key references roadwear.study,
  owner_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  why text not null,
  released_at timestamptz not null,
  recorded_at timestamptz not null default now()
);

-- What was done of a study: one row a live run of which the footage, or the pictures, were looked at again.
create table roadwear.study_part (
  study_id uuid not null references roadwear.study,
  run_id uuid not null references roadwear.run,
  owner_id uuid not null references roadwear.organisation,
  study_run_id uuid references roadwear.run,
  looked int not null check (looked >= 0),
  refused text not null,
  recorded_at timestamptz not null default now(),
  primary key (study_id, run_id)
);
create index study_part_of_run on roadwear.study_part (run_id);

-- What a study of pictures saw in each: whether what was reported is seen again, and what else is.
create table roadwear.study_picture (
  study_id uuid not null,
  run_id uuid not null,
  pts bigint not null,
  kind text not null,
  ordinal int not null,
  owner_id uuid not null references roadwear.organisation,
  again double precision check (again between 0 and 1),
  other jsonb not null,
  recorded_at timestamptz not null default now(),
  primary key (study_id, run_id, pts, kind, ordinal),
  foreign key (study_id, run_id) references roadwear.study_part
);

create trigger logged after insert on roadwear.study
  for each row execute function roadwear.log_row('study_id');
create trigger logged after insert on roadwear.study_released
  for each row execute function roadwear.log_row('study_id');

do $$
declare name text;
begin
  foreach name in array array['study', 'study_released', 'study_part', 'study_picture']
  loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using (owner_id = roadwear.acting_for())', name);
  end loop;
end $$;
