-- What an evidence bundle needs: a chain that can be shown in part, the council's own records, and a
-- note of what was given out.

-- A line's hash is now that of the hash before it, a line feed, and the *hash* of the line: whoever is
-- shown some lines and the hashes of the others can check the whole chain.
alter table roadwear.log_line add column subject text
  generated always as (line::jsonb ->> 'subject') stored;
create index log_line_of_subject on roadwear.log_line (organisation_id, subject);

create or replace function roadwear.add_log_line(
    organisation uuid, kind text, subject text, content jsonb)
  returns void language plpgsql security definer
  set search_path = roadwear, public set timezone = 'UTC' as $$
declare
  before roadwear.log_line;
  text_line text;
begin
  perform pg_advisory_xact_lock(hashtextextended('log ' || organisation::text, 0));
  select * into before from roadwear.log_line l where l.organisation_id = organisation
    order by l.ordinal desc limit 1;
  text_line := json_build_object(
    'ordinal', coalesce(before.ordinal, 0) + 1, 'logged_at', clock_timestamp(),
    'kind', kind, 'subject', subject, 'row', content)::text;
  insert into roadwear.log_line (organisation_id, ordinal, line, sha256) values (
    organisation, coalesce(before.ordinal, 0) + 1, text_line,
    roadwear.next_sha256(before.sha256, text_line));
end $$;

create function roadwear.next_sha256(before text, line text) returns text
  language sql immutable set search_path = pg_catalog as $$
  select encode(sha256(convert_to(coalesce(before, repeat('0', 64)) || E'\n'
    || encode(sha256(convert_to(line, 'UTF8')), 'hex'), 'UTF8')), 'hex') $$;

alter table roadwear.log_line disable trigger only_added;
do $$
declare
  organisation uuid;
  found record;
  before text;
  former text;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    before := null;
    former := repeat('0', 64);
    for found in select ordinal, line, sha256 from roadwear.log_line
        where organisation_id = organisation order by ordinal loop
      -- A chain that does not hold is not made to hold: somebody has to look at it first.
      former := encode(sha256(convert_to(former || E'\n' || found.line, 'UTF8')), 'hex');
      if former <> found.sha256 then
        raise exception 'line % of the log of % is not as it was written: see roadwear log verify',
          found.ordinal, organisation;
      end if;
      before := roadwear.next_sha256(before, found.line);
      update roadwear.log_line set sha256 = before
        where organisation_id = organisation and ordinal = found.ordinal;
    end loop;
    -- The end that may have been deposited before is kept in the log itself.
    if before is not null then
      perform roadwear.add_log_line(organisation, 'former_end', former,
        json_build_object('sha256', former)::jsonb);
    end if;
  end loop;
end $$;
alter table roadwear.log_line enable trigger only_added;

-- What the council holds elsewhere, as it was imported: of which kind, from when to when it is whole.
create table roadwear.record_import (
  import_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  kind text not null,
  source text not null,
  content_sha256 text not null check (content_sha256 ~ '^[0-9a-f]{64}$'),
  records_sha256 text not null check (records_sha256 ~ '^[0-9a-f]{64}$'),
  covers_from date not null,
  covers_to date not null check (covers_to >= covers_from),
  records int not null,
  left_out int not null,
  said_by text not null,
  imported_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index record_import_of_kind on roadwear.record_import (authority_id, kind, ordinal);

create table roadwear.council_record (
  import_id uuid not null references roadwear.record_import,
  authority_id uuid not null,
  kind text not null,
  reference text not null,
  usrn int not null,
  happened_on date not null,
  happened_at time,
  said jsonb not null,
  primary key (import_id, reference)
);
create index council_record_of_street on roadwear.council_record
  (authority_id, usrn, kind, happened_on);
create index council_record_of_reference on roadwear.council_record
  (authority_id, kind, reference);

-- What lies on a section, and what was looked at of it, is asked for by section.
create index observation_road_of_section on roadwear.observation_road (network_id, section_id);

-- Which bundles were given out, to be told from forgeries.
create table roadwear.evidence_bundle (
  bundle_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  usrn int not null,
  incident_on date not null,
  months int not null,
  made_by text not null,
  sums_sha256 text not null check (sums_sha256 ~ '^[0-9a-f]{64}$'),
  made_at timestamptz not null,
  recorded_at timestamptz not null default now()
);

-- With whom the log's end is deposited daily, outside of this system, and where it was; the last
-- address holds, '' is nobody.
create table roadwear.depositary (
  depositary_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  email text not null,
  said_by text not null,
  recorded_at timestamptz not null default now()
);
create index depositary_by_time on roadwear.depositary (authority_id, ordinal desc);
create table roadwear.head_deposited (
  deposit_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  head_ordinal bigint not null,
  head_sha256 text not null check (head_sha256 ~ '^[0-9a-f]{64}$'),
  deposited_with text not null,
  deposited_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index head_deposited_by_time on roadwear.head_deposited (authority_id, deposited_at desc);

do $$
declare name text;
begin
  foreach name in array array['record_import', 'council_record', 'evidence_bundle',
                              'depositary', 'head_deposited'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
  end loop;
  execute 'create trigger logged after insert on roadwear.record_import
           for each row execute function roadwear.log_row(''import_id'')';
  execute 'create trigger logged after insert on roadwear.depositary
           for each row execute function roadwear.log_row(''depositary_id'')';
  execute 'create trigger logged after insert on roadwear.evidence_bundle
           for each row execute function roadwear.log_row(''bundle_id'')';
end $$;
