-- A row of one organisation may belong in the log of another: an agreement of a district is logged by
-- the county whose roads it films. Row security holds for the owner of the tables too, if it is no
-- superuser, so that the function has to act for the one whose log it is, for as long as it writes.
create or replace function roadwear.add_log_line(
    organisation uuid, kind text, subject text, content jsonb)
  returns void language plpgsql security definer
  set search_path = roadwear, public set timezone = 'UTC' as $$
declare
  before roadwear.log_line;
  text_line text;
  acting text := coalesce(current_setting('roadwear.organisation', true), '');
begin
  perform set_config('roadwear.organisation', organisation::text, true);
  perform pg_advisory_xact_lock(hashtextextended('log ' || organisation::text, 0));
  select * into before from roadwear.log_line l where l.organisation_id = organisation
    order by l.ordinal desc limit 1;
  text_line := json_build_object(
    'ordinal', coalesce(before.ordinal, 0) + 1, 'logged_at', clock_timestamp(),
    'kind', kind, 'subject', subject, 'row', content)::text;
  insert into roadwear.log_line (organisation_id, ordinal, line, sha256) values (
    organisation, coalesce(before.ordinal, 0) + 1, text_line,
    roadwear.next_sha256(before.sha256, text_line));
  perform set_config('roadwear.organisation', acting, true);
end $$;
