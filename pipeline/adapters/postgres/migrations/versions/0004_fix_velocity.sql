-- What a receiver says of its speed and course; null where it says nothing.
alter table roadwear.drive_fix
  add column speed_mps double precision check (speed_mps >= 0),
  add column course_deg double precision;
