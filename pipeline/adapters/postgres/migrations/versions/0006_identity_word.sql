-- What a person said of which sightings are one hole; its pairs are gathering's constraints.
create table roadwear.identity_word (
  word_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  move text not null check (move in ('join', 'split', 'take_back')),
  defects uuid[] not null,
  note text not null,
  takes_back uuid unique references roadwear.identity_word,
  said_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  check ((move = 'take_back') = (takes_back is not null))
);
alter table roadwear.gather_constraint
  add column word_id uuid references roadwear.identity_word;
create index constraint_of_word on roadwear.gather_constraint (word_id);
create index constraint_of_pair on roadwear.gather_constraint (first_id, second_id);
create index constraint_of_second on roadwear.gather_constraint (second_id);
create trigger only_added before update or delete on roadwear.identity_word
  for each statement execute function roadwear.refuse_change();
grant select, insert on roadwear.identity_word to roadwear_app;
alter table roadwear.identity_word enable row level security;
alter table roadwear.identity_word force row level security;
create policy own on roadwear.identity_word using (authority_id = roadwear.acting_for());
