-- The queue is read a page at a time, and by when its possible defects were detected.
create index queue_in_order on roadwear.queue_entry (authority_id, score desc, defect_id);
create index queue_by_category on roadwear.queue_entry (authority_id, category, score desc);
create index defect_detected on roadwear.defect (authority_id, detected_at);
create index section_name on roadwear.road_section (authority_id, lower(name) text_pattern_ops);
