-- One row: an incident that is not resolved, or is among $named, with nothing of its evidence but
-- the steps that are done: the rest is big.
select * replace (
    '{"done": ' || coalesce(json_extract(nullif(evidence, ''), '$.done')::varchar, '[]') || '}' as evidence
)
from incidents
where status <> 'resolved' or list_contains($named, incident_id)
order by incident_id
