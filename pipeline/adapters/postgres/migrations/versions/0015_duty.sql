-- Possible emergencies: each is told to who is on duty, and acknowledged by name.
create table roadwear.duty (
  duty_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  person_id uuid not null references roadwear.person,
  from_at timestamptz not null,
  until_at timestamptz not null,
  said_by text not null,
  recorded_at timestamptz not null default now(),
  check (until_at > from_at)
);
create index duty_by_time on roadwear.duty (authority_id, until_at);

create table roadwear.duty_ended (
  duty_id uuid primary key references roadwear.duty,
  authority_id uuid not null,
  ended_at timestamptz not null,
  said_by text not null,
  recorded_at timestamptz not null default now()
);

create table roadwear.alert (
  alert_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  defect_id uuid not null references roadwear.defect,
  category text not null,
  raised_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index alert_of_defect on roadwear.alert (defect_id, raised_at desc);
create index alert_by_time on roadwear.alert (authority_id, raised_at);

create table roadwear.alert_told (
  told_id uuid primary key,
  authority_id uuid not null,
  alert_id uuid not null references roadwear.alert,
  person_id uuid not null references roadwear.person,
  told_at timestamptz not null,
  recorded_at timestamptz not null default now()
);
create index alert_told_of_alert on roadwear.alert_told (alert_id, told_at desc);

create table roadwear.alert_acknowledged (
  alert_id uuid primary key references roadwear.alert,
  authority_id uuid not null,
  person_id uuid not null references roadwear.person,
  note text not null,
  acknowledged_at timestamptz not null,
  recorded_at timestamptz not null default now()
);

do $$
declare name text;
begin
  foreach name in array array['duty', 'duty_ended', 'alert', 'alert_told', 'alert_acknowledged']
  loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
    execute format('create trigger logged after insert on roadwear.%I
      for each row execute function roadwear.log_row(%L)', name,
      case name when 'alert_told' then 'told_id' when 'duty' then 'duty_id'
                when 'duty_ended' then 'duty_id' else 'alert_id' end);
  end loop;
end $$;
