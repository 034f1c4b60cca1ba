-- What persons said and decided, in a chain: each line holds the hash of the one before, so that none
-- can be changed, left out or put in later without its being seen. An organisation has one chain.
create table roadwear.log_line (
  organisation_id uuid not null references roadwear.organisation,
  ordinal bigint not null check (ordinal > 0),
  line text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  primary key (organisation_id, ordinal)
);
create trigger only_added before update or delete on roadwear.log_line
  for each statement execute function roadwear.refuse_change();
grant select on roadwear.log_line to roadwear_app;
alter table roadwear.log_line enable row level security;
alter table roadwear.log_line force row level security;
create policy own on roadwear.log_line using (organisation_id = roadwear.acting_for());

-- A line is JSON; its hash is that of the hash before it (64 zeros before the first), a line feed,
-- and the line, in UTF-8. Whoever adds a row waits for who adds one before.
create function roadwear.add_log_line(organisation uuid, kind text, subject text, content jsonb)
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
  insert into roadwear.log_line values (
    organisation, coalesce(before.ordinal, 0) + 1, text_line,
    encode(sha256(convert_to(
      coalesce(before.sha256, repeat('0', 64)) || E'\n' || text_line, 'UTF8')), 'hex'));
end $$;
revoke all on function roadwear.add_log_line(uuid, text, text, jsonb) from public;

-- The trigger's argument is the column by which a row is called.
create function roadwear.log_row() returns trigger language plpgsql security definer
  set search_path = roadwear, public set timezone = 'UTC' as $$
declare content jsonb := to_jsonb(new);
begin
  perform roadwear.add_log_line(
    coalesce(content ->> 'authority_id', content ->> 'owner_id')::uuid,
    tg_table_name, content ->> tg_argv[0], content);
  return null;
end $$;

do $$
declare
  logged record;
  organisation uuid;
  found record;
begin
  for logged in select * from (values
      ('decision', 'decision_id'), ('identity_word', 'word_id'), ('hold', 'hold_id'),
      ('hold_lifted', 'hold_id'), ('retention_rule', 'rule_id'), ('private_area', 'area_id'),
      ('private_area_ended', 'area_id')) as l (name, key) loop
    execute format('create trigger logged after insert on roadwear.%I
                    for each row execute function roadwear.log_row(%L)', logged.name, logged.key);
    -- What was said before there was a log is its beginning.
    for organisation in select organisation_id from roadwear.organisation loop
      perform set_config('roadwear.organisation', organisation::text, true);
      for found in execute format('select to_jsonb(t) as content from roadwear.%I t
          where coalesce(to_jsonb(t) ->> ''authority_id'', to_jsonb(t) ->> ''owner_id'') = %L
          order by t.recorded_at', logged.name, organisation) loop
        perform roadwear.add_log_line(
          organisation, logged.name, found.content ->> logged.key, found.content);
      end loop;
    end loop;
  end loop;
end $$;
