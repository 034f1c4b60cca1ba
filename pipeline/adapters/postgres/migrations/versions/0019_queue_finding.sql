-- The queue is searched and filtered by its roads without asking for the sightings of each place.
alter table roadwear.queue_entry
  add column street text not null default '',
  add column usrn int,
  add column hierarchy text;
create index queue_by_arrival on roadwear.queue_entry (authority_id, detected_at);
do $$
declare organisation uuid;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    update roadwear.queue_entry q set street = s.name, usrn = s.usrn, hierarchy = s.hierarchy
    from (
      select distinct on (m.defect_id) m.defect_id, r.name, r.usrn, r.hierarchy
      from roadwear.current_membership m
      join roadwear.observation_road o using (observation_id)
      join roadwear.road_section r using (network_id, section_id)
      where o.network_id = (select network_id from roadwear.road_network
        where authority_id = organisation order by loaded_at desc limit 1)
      order by m.defect_id, o.probability desc) s
    where s.defect_id = q.defect_id and q.authority_id = organisation;
  end loop;
end $$;

-- A person's own ways of looking at the queue. These are no evidence: they are changed and removed.
create table roadwear.saved_view (
  person_id uuid not null references roadwear.person,
  authority_id uuid not null references roadwear.organisation,
  name text not null check (name <> ''),
  query text not null,
  recorded_at timestamptz not null default now(),
  primary key (person_id, name)
);
grant select, insert, update, delete on roadwear.saved_view to roadwear_app;
alter table roadwear.saved_view enable row level security;
alter table roadwear.saved_view force row level security;
create policy own on roadwear.saved_view using (authority_id = roadwear.acting_for());
