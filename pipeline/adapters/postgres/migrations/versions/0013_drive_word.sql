-- A person's word that a drive is void, or is not after all; the last one holds.
create table roadwear.drive_word (
  word_id uuid primary key,
  ordinal bigint generated always as identity,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  drive_id uuid not null references roadwear.drive,
  person_id uuid not null references roadwear.person,
  is_void boolean not null,
  reason text,
  note text not null,
  said_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  check (is_void = (reason is not null))
);
create index drive_word_of_drive on roadwear.drive_word (drive_id, ordinal desc);
create trigger only_added before update or delete on roadwear.drive_word
  for each statement execute function roadwear.refuse_change();
create trigger logged after insert on roadwear.drive_word
  for each row execute function roadwear.log_row('word_id');
grant select, insert on roadwear.drive_word to roadwear_app;
alter table roadwear.drive_word enable row level security;
alter table roadwear.drive_word force row level security;
create policy own on roadwear.drive_word using
  (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for());
