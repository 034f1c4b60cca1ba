-- What changes of people: what they may do, whether they may sign in, and with what they do so. Each change
-- is a row, the last one holds.
create table roadwear.person_word (
  word_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  what text not null check (what <> ''),
  person jsonb not null,
  roles text[] not null,
  closed boolean not null,
  said_by text not null check (said_by <> ''),
  recorded_at timestamptz not null default now()
);
create index person_word_of on roadwear.person_word (person_id, ordinal desc);
-- Never logged: the log goes into the hands of others. An empty value: there is none from now on.
create table roadwear.credential (
  credential_id uuid primary key default gen_random_uuid(),
  ordinal bigint generated always as identity,
  organisation_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  kind text not null check (kind in ('password', 'code')),
  value text not null,
  given boolean not null default false,
  recorded_at timestamptz not null default now()
);
create index credential_of on roadwear.credential (person_id, kind, ordinal desc);
-- A code is good once: which half minutes were used.
create table roadwear.code_used (
  person_id uuid not null references roadwear.person,
  step bigint not null,
  organisation_id uuid not null references roadwear.organisation,
  recorded_at timestamptz not null default now(),
  primary key (person_id, step)
);
-- Who somebody is at an identity provider, from their first sign-in there on; the last row of a person and
-- a provider holds, an empty one forgets it.
create table roadwear.person_subject (
  subject_id uuid primary key default gen_random_uuid(),
  ordinal bigint generated always as identity,
  organisation_id uuid not null references roadwear.organisation,
  issuer text not null,
  subject text not null,
  person_id uuid not null references roadwear.person,
  recorded_at timestamptz not null default now()
);
create index person_subject_of on roadwear.person_subject (person_id, issuer, ordinal desc);
create index person_of_subject on roadwear.person_subject (issuer, subject);

do $$
declare name text;
begin
  foreach name in array array['person_word', 'credential', 'code_used', 'person_subject'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
  end loop;
  foreach name in array array['code_used', 'person_subject'] loop
    execute format('create policy own on roadwear.%I using
      (organisation_id = roadwear.acting_for())', name);
  end loop;
end $$;
-- Whose row may be seen, at signing in by address, of them these may be seen too; nobody writes then.
create policy seen on roadwear.person_word for select
  using (person_id in (select person_id from roadwear.person));
create policy seen on roadwear.credential for select
  using (person_id in (select person_id from roadwear.person));
create policy own on roadwear.person_word for insert with check (
  authority_id = roadwear.acting_for() and person_id in (
    select person_id from roadwear.person where organisation_id = roadwear.acting_for()));
create policy own on roadwear.credential for insert with check (
  organisation_id = roadwear.acting_for() and person_id in (
    select person_id from roadwear.person where organisation_id = roadwear.acting_for()));
create trigger logged after insert on roadwear.person_word
  for each row execute function roadwear.log_row('word_id');

create view roadwear.person_now with (security_invoker = true) as
  select p.person_id, p.organisation_id, p.email, p.name,
    coalesce(w.roles, p.roles) as roles, coalesce(w.closed, false) as closed,
    coalesce(k.value, p.password_hash) as password_hash,
    coalesce(k.given, false) as must_change, coalesce(c.value, '') as code_secret,
    coalesce(w.endings, 0) as endings
  from roadwear.person p
  left join lateral (select roles, closed,
      count(*) filter (where closed or what = 'ended all sessions') over () as endings
    from roadwear.person_word w
    where w.person_id = p.person_id order by w.ordinal desc limit 1) w on true
  left join lateral (select value, given from roadwear.credential k
    where k.person_id = p.person_id and k.kind = 'password' order by k.ordinal desc limit 1) k on true
  left join lateral (select value from roadwear.credential c
    where c.person_id = p.person_id and c.kind = 'code' order by c.ordinal desc limit 1) c on true;
grant select on roadwear.person_now to roadwear_app;
