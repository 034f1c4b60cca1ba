-- A share of decisions is judged once more, by another engineer who does not know the first judgement. It
-- changes nothing of the defect.
create table roadwear.second_look (
  look_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  decision_id uuid not null unique references roadwear.decision,
  person_id uuid not null references roadwear.person,
  answer text not null check (answer in ('approve', 'reject', 'other')),
  reason text,
  impact int,
  likelihood int,
  category text,
  note text not null,
  looked_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  check ((answer = 'reject') = (reason is not null)),
  check ((answer = 'approve') = (category is not null))
);
create index second_look_by_time on roadwear.second_look (authority_id, ordinal desc);
create index decision_by_time on roadwear.decision (authority_id, decided_at);
create trigger only_added before update or delete on roadwear.second_look
  for each statement execute function roadwear.refuse_change();
create trigger logged after insert on roadwear.second_look
  for each row execute function roadwear.log_row('look_id');
grant select, insert on roadwear.second_look to roadwear_app;
alter table roadwear.second_look enable row level security;
alter table roadwear.second_look force row level security;
create policy own on roadwear.second_look using (authority_id = roadwear.acting_for());
