-- A district's lorry comes along the roads of more than one county. What it may show whom is agreed, and
-- kept; along whose roads a drive came is said once, and each authority has what concerns its own.
create table roadwear.agreement (
  agreement_id uuid primary key,
  owner_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  from_on date not null,
  source text not null check (source <> ''),
  said_by text not null,
  recorded_at timestamptz not null default now(),
  check (owner_id <> authority_id),
  unique (agreement_id, owner_id, authority_id)
);
create table roadwear.agreement_ended (
  agreement_id uuid primary key,
  owner_id uuid not null,
  authority_id uuid not null,
  ended_on date not null,
  said_by text not null,
  recorded_at timestamptz not null default now(),
  foreign key (agreement_id, owner_id, authority_id)
    references roadwear.agreement (agreement_id, owner_id, authority_id)
);
-- One row for a drive that is all on the roads of the authority that it was handed in for.
create table roadwear.drive_share (
  drive_id uuid not null references roadwear.drive,
  owner_id uuid not null,
  home_id uuid not null references roadwear.organisation,
  authority_id uuid not null references roadwear.organisation,
  from_at timestamptz not null,
  to_at timestamptz not null check (to_at > from_at),
  recorded_at timestamptz not null default now(),
  primary key (drive_id, from_at)
);
create index drive_share_of on roadwear.drive_share (authority_id, drive_id);

do $$
declare name text;
begin
  foreach name in array array['agreement', 'agreement_ended', 'drive_share'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
  end loop;
  foreach name in array array['agreement', 'agreement_ended'] loop
    execute format('create policy seen on roadwear.%I for select using
      (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for())', name);
    execute format('create trigger logged after insert on roadwear.%I
                    for each row execute function roadwear.log_row(''agreement_id'')', name);
  end loop;
end $$;
-- It is the owner who lets others have what is filmed; either side may end it.
create policy own on roadwear.agreement for insert with check (owner_id = roadwear.acting_for());
create policy own on roadwear.agreement_ended for insert with check
  (owner_id = roadwear.acting_for() or authority_id = roadwear.acting_for());
create policy seen on roadwear.drive_share for select using
  (owner_id = roadwear.acting_for() or home_id = roadwear.acting_for()
   or authority_id = roadwear.acting_for());
create policy own on roadwear.drive_share for insert with check (
  owner_id = roadwear.acting_for() and exists (
    select 1 from roadwear.drive d where d.drive_id = drive_share.drive_id
      and d.owner_id = roadwear.acting_for() and d.authority_id = drive_share.home_id));

-- Of a drive that came along its roads an authority sees that there was one, and its files …
create policy shared on roadwear.drive for select using (drive_id in
  (select s.drive_id from roadwear.drive_share s where s.authority_id = roadwear.acting_for()));
create policy shared on roadwear.clip for select using (drive_id in
  (select s.drive_id from roadwear.drive_share s where s.authority_id = roadwear.acting_for()));
-- … and of its track what lies on those roads, and no more: also the one it was handed in for.
drop policy own on roadwear.drive_fix;
create policy own on roadwear.drive_fix using (
  owner_id = roadwear.acting_for() or (authority_id = roadwear.acting_for() and not exists (
    select 1 from roadwear.drive_share s
    where s.drive_id = drive_fix.drive_id and s.authority_id <> s.home_id)));
create policy shared on roadwear.drive_fix for select using (exists (
  select 1 from roadwear.drive_share s where s.drive_id = drive_fix.drive_id
    and s.authority_id = roadwear.acting_for()
    and drive_fix.taken_at >= s.from_at and drive_fix.taken_at < s.to_at));
