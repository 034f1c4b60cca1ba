-- An authority's road networks, as it loaded them: the newest is the one in use. What lies where is
-- kept for each network, so that a new one changes no answer that was given.
create table roadwear.road_network (
  network_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  name text not null,
  content_sha256 text not null,
  sections int not null check (sections > 0),
  length_km double precision not null,
  loaded_at timestamptz not null default clock_timestamp()
);
create index newest_network on roadwear.road_network (authority_id, loaded_at desc);

create table roadwear.road_section (
  network_id uuid not null references roadwear.road_network,
  authority_id uuid not null references roadwear.organisation,
  section_id text not null,
  usrn int,
  name text not null,
  road_class text not null,
  hierarchy text,
  speed_limit_mph double precision,
  urban boolean,
  ways text not null,
  line geometry(LineString, 27700) not null,
  primary key (network_id, section_id)
);
create index section_place on roadwear.road_section using gist (line);
create index section_usrn on roadwear.road_section (authority_id, usrn);

-- On which section a sighting lies; null where the vehicle was on no road of the network.
create table roadwear.observation_road (
  observation_id uuid not null references roadwear.observation,
  network_id uuid not null references roadwear.road_network,
  authority_id uuid not null references roadwear.organisation,
  section_id text,
  chainage_m double precision,
  offset_m double precision,
  along boolean,
  probability double precision check (probability between 0 and 1),
  recorded_at timestamptz not null default now(),
  primary key (observation_id, network_id),
  foreign key (network_id, section_id) references roadwear.road_section
);

do $$
declare name text;
begin
  foreach name in array array['road_network', 'road_section', 'observation_road'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
  end loop;
end $$;
