-- Under row security a place is looked up by numbers alone (see 0011). What camera passes looked at
-- and what they saw is found by the square of the National Grid, 250 m wide, that it lies in:
-- a county's year is read where somebody asks, and not all of it.
create function roadwear.cell(metres double precision) returns int
  language sql immutable parallel safe return floor(metres / 250)::int;

alter table roadwear.observation
  add column cell_e int generated always as (roadwear.cell(ST_X(at))) stored,
  add column cell_n int generated always as (roadwear.cell(ST_Y(at))) stored;
create index observation_in_cell on roadwear.observation (authority_id, cell_e, cell_n);

-- The squares in which a stretch has a point, one at least every 25 m along it.
create table roadwear.coverage_cell (
  authority_id uuid not null,
  cell_e int not null,
  cell_n int not null,
  run_id uuid not null,
  ordinal int not null,
  primary key (authority_id, cell_e, cell_n, run_id, ordinal),
  foreign key (run_id, ordinal) references roadwear.coverage
);
create trigger only_added before update or delete on roadwear.coverage_cell
  for each statement execute function roadwear.refuse_change();
grant select on roadwear.coverage_cell to roadwear_app;
alter table roadwear.coverage_cell enable row level security;
alter table roadwear.coverage_cell force row level security;
create policy own on roadwear.coverage_cell for select using (authority_id = roadwear.acting_for());
-- Nobody may add to it but the trigger: a stretch is stored by whose footage it is, too.
create policy kept on roadwear.coverage_cell for insert with check (true);

create function roadwear.cells_of(line geometry) returns table (cell_e int, cell_n int)
  language sql immutable parallel safe as $$
  select distinct roadwear.cell(ST_X(p.geom)), roadwear.cell(ST_Y(p.geom))
  from ST_DumpPoints(ST_Segmentize(line, 25)) p $$;
create function roadwear.keep_cells() returns trigger language plpgsql security definer
  set search_path = roadwear, public as $$
begin
  insert into coverage_cell (authority_id, cell_e, cell_n, run_id, ordinal)
    select f.authority_id, c.cell_e, c.cell_n, f.run_id, f.ordinal
    from fresh f, cells_of(f.line) c;
  return null;
end $$;
create trigger keep_cells after insert on roadwear.coverage referencing new table as fresh
  for each statement execute function roadwear.keep_cells();

do $$
declare organisation uuid;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    insert into roadwear.coverage_cell (authority_id, cell_e, cell_n, run_id, ordinal)
      select v.authority_id, c.cell_e, c.cell_n, v.run_id, v.ordinal
      from roadwear.coverage v, roadwear.cells_of(v.line) c where v.authority_id = organisation;
  end loop;
end $$;

-- When a camera last came by each direction of a section: the newest spans are read first.
create index span_by_time on roadwear.section_span
  (network_id, section_id, along, passed_at desc);
drop index roadwear.span_of_section;

-- What is asked about a day, a week or a hold's hours.
create index run_by_time on roadwear.run (owner_id, recorded_at);
create index fix_by_time on roadwear.drive_fix using brin (taken_at);
-- Hold by hold, and of each the fixes of its hours alone ("offset 0": in this order).
create or replace view roadwear.held_drive with (security_invoker = true) as
  select distinct near.drive_id, h.owner_id from roadwear.standing_hold h
  cross join lateral (
    select f.drive_id from roadwear.drive_fix f
    where f.owner_id = h.owner_id and f.taken_at between h.from_at and h.to_at
      and ST_DistanceSphere(ST_MakePoint(f.lon_deg, f.lat_deg),
        ST_MakePoint(h.lon_deg, h.lat_deg)) <= h.radius_m
    offset 0) near;

-- When a drive began is known for longer than its track: what it looked at is evidence for years.
alter table roadwear.drive add column tracked_from timestamptz;
create or replace function roadwear.forget_tracks(at timestamptz, otherwise_days int)
  returns table (forgotten uuid) language plpgsql security definer
  set search_path = roadwear, public as $$
begin
  return query
    with due as (
      select d.drive_id from roadwear.drive d
      where d.owner_id = roadwear.acting_for()
        and d.recorded_at < at - make_interval(days => days_kept('track', otherwise_days))
        and not exists (select 1 from roadwear.held_drive h where h.drive_id = d.drive_id)
    ), gone as (
      delete from roadwear.drive_fix f using due where f.drive_id = due.drive_id
      returning f.drive_id, f.taken_at
    ), began as (
      select gone.drive_id, min(gone.taken_at) as first_at from gone group by gone.drive_id
    ), kept as (
      update roadwear.drive d set tracked_from = began.first_at
      from began where d.drive_id = began.drive_id and d.tracked_from is null
    )
    select began.drive_id from began;
end $$;
-- Of tracks that were forgotten before this: by the clock of the camera, or when its files came.
create function roadwear.began_at(drive uuid) returns timestamptz language sql stable as $$
  select coalesce(
    (select f.taken_at from roadwear.drive_fix f where f.drive_id = drive order by f.ordinal
     limit 1),
    (select coalesce(d.tracked_from, d.started_at) from roadwear.drive d
     where d.drive_id = drive),
    (select coalesce(min(c.started_at), min(c.received_at)) from roadwear.clip c
     where c.drive_id = drive)) $$;
