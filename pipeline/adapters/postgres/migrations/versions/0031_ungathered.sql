-- Which sightings belong to no defect yet. Whoever looks for work that was cut off asks this every few minutes,
-- of every organisation: without it all sightings ever were compared with all memberships.
create table roadwear.ungathered (
  observation_id uuid primary key references roadwear.observation on delete cascade,
  authority_id uuid not null,
  run_id uuid not null
);
create index ungathered_of on roadwear.ungathered (authority_id, run_id);
grant select on roadwear.ungathered to roadwear_app;
alter table roadwear.ungathered enable row level security;
alter table roadwear.ungathered force row level security;
create policy own on roadwear.ungathered for select using (authority_id = roadwear.acting_for());
-- Nobody may add or remove but the triggers: sightings are stored by whose footage it is, too.
create policy kept on roadwear.ungathered for insert with check (true);
create policy done on roadwear.ungathered for delete using (true);

create function roadwear.keep_ungathered() returns trigger language plpgsql security definer
  set search_path = roadwear, public as $$
begin
  insert into ungathered (observation_id, authority_id, run_id)
    select f.observation_id, f.authority_id, f.run_id from fresh f;
  return null;
end $$;
create trigger keep_ungathered after insert on roadwear.observation referencing new table as fresh
  for each statement execute function roadwear.keep_ungathered();

create function roadwear.drop_ungathered() returns trigger language plpgsql security definer
  set search_path = roadwear, public as $$
begin
  delete from ungathered u using fresh f where u.observation_id = f.observation_id;
  return null;
end $$;
create trigger drop_ungathered after insert on roadwear.membership referencing new table as fresh
  for each statement execute function roadwear.drop_ungathered();

do $$
declare organisation uuid;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    insert into roadwear.ungathered (observation_id, authority_id, run_id)
      select o.observation_id, o.authority_id, o.run_id from roadwear.observation o
      where o.authority_id = organisation and not exists (
        select 1 from roadwear.membership m where m.observation_id = o.observation_id);
  end loop;
end $$;
