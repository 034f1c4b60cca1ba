-- The queue is read a page at a time, and by when its possible defects were detected.
create index queue_in_order on roadwear.queue_entry (authority_id, score desc, defect_id);
create index queue_by_category on roadwear.queue_entry (authority_id, category, score desc);
create index defect_detected on roadwear.defect (authority_id, detected_at);
create index section_name on roadwear.road_section (authority_id, lower(name) text_pattern_ops);

-- The latest row of each observation, said so that what is asked of one defect reads that defect's
-- rows alone, and not everybody's.
create or replace view roadwear.current_membership with (security_invoker = true) as
  select m.observation_id, m.defect_id, m.authority_id from roadwear.membership m
  where not exists (
    select 1 from roadwear.membership later
    where later.observation_id = m.observation_id and later.membership_id > m.membership_id);
