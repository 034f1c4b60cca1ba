-- The queue is read a page at a time, and by when its possible defects were detected.
create index queue_in_order on roadwear.queue_entry (authority_id, score desc, defect_id);
create index queue_by_category on roadwear.queue_entry (authority_id, category, score desc);
alter table roadwear.queue_entry add column detected_at timestamptz;
create index queue_by_age on roadwear.queue_entry (authority_id, category, detected_at);
do $$
declare organisation uuid;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    update roadwear.queue_entry q set detected_at = d.detected_at from roadwear.defect d
      where d.defect_id = q.defect_id and q.authority_id = organisation;
  end loop;
end $$;
-- Under row security a place is not looked up by an index of places, since what compares them might
-- tell of rows that are not one's own; numbers may be compared.
alter table roadwear.defect
  add column at_e double precision generated always as (ST_X(at)) stored,
  add column at_n double precision generated always as (ST_Y(at)) stored;
create index defect_east on roadwear.defect (authority_id, at_e);
create index section_name on roadwear.road_section (authority_id, lower(name) text_pattern_ops);

-- The latest row of each observation, said so that what is asked of one defect reads that defect's
-- rows alone, and not everybody's.
create or replace view roadwear.current_membership with (security_invoker = true) as
  select m.observation_id, m.defect_id, m.authority_id from roadwear.membership m
  where not exists (
    select 1 from roadwear.membership later
    where later.observation_id = m.observation_id and later.membership_id > m.membership_id);
