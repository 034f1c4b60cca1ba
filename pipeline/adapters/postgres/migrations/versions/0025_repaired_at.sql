-- A camera pass that was voided moved the day of the repairs that it had borne out to that of the voiding.
do $$
declare organisation uuid;
begin
  for organisation in select organisation_id from roadwear.organisation loop
    perform set_config('roadwear.organisation', organisation::text, true);
    update roadwear.defect d set repaired_at = e.happened_at
    from (select distinct on (defect_id) defect_id, happened_at from roadwear.order_event
          where authority_id = organisation and kind = 'repaired' and defect_id is not null
          order by defect_id, ordinal desc) e
    where d.defect_id = e.defect_id and d.authority_id = organisation
      and d.repaired_at is distinct from e.happened_at and d.repaired_at is not null;
  end loop;
end $$;
