-- Works orders: what was ordered is only ever added, and so is what became of it.
create table roadwear.works_order (
  order_id uuid primary key,
  authority_id uuid not null references roadwear.organisation,
  number text not null,
  person_id uuid not null references roadwear.person,
  fields jsonb not null,
  lines jsonb not null,
  policy_sha256 text not null,
  ordered_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  unique (authority_id, number)
);
create index works_order_by_time on roadwear.works_order (authority_id, ordered_at desc);

create table roadwear.works_order_line (
  order_id uuid not null references roadwear.works_order,
  defect_id uuid not null references roadwear.defect,
  authority_id uuid not null,
  primary key (order_id, defect_id)
);
create index works_order_of_defect on roadwear.works_order_line (defect_id);

create table roadwear.order_event (
  event_id uuid primary key,
  ordinal bigint generated always as identity,
  authority_id uuid not null references roadwear.organisation,
  order_id uuid not null references roadwear.works_order,
  defect_id uuid references roadwear.defect,
  kind text not null,
  happened_at timestamptz not null,
  said_by text not null,
  person_id uuid references roadwear.person,
  note text not null,
  recorded_at timestamptz not null default now()
);
create index order_event_of_order on roadwear.order_event (order_id, ordinal);

-- A defect that is found again after its repair begins anew: its instants are those of the finding.
alter table roadwear.defect
  add column repaired_at timestamptz, add column reopened_at timestamptz;

do $$
declare name text;
begin
  foreach name in array array['works_order', 'works_order_line', 'order_event'] loop
    execute format('create trigger only_added before update or delete on roadwear.%I
                    for each statement execute function roadwear.refuse_change()', name);
    execute format('grant select, insert on roadwear.%I to roadwear_app', name);
    execute format('alter table roadwear.%I enable row level security', name);
    execute format('alter table roadwear.%I force row level security', name);
    execute format('create policy own on roadwear.%I using
      (authority_id = roadwear.acting_for())', name);
  end loop;
  execute 'create trigger logged after insert on roadwear.works_order
           for each row execute function roadwear.log_row(''order_id'')';
  execute 'create trigger logged after insert on roadwear.order_event
           for each row execute function roadwear.log_row(''event_id'')';
end $$;
