-- One row: an incident with nothing of its evidence but the steps that are done, for the rest is
-- big; every one, or those that are not resolved or are among $named.
select * replace (
    '{"done": ' || coalesce(json_extract(nullif(evidence, ''), '$.done')::varchar, '[]') || '}' as evidence
)
from incidents
where $everything or status <> 'resolved' or list_contains($named, incident_id)
order by incident_id
