-- One row: an incident without its evidence, of which only the finished steps are kept.
select * replace (
    json_object('done', coalesce(json_extract(evidence, '$.done'), '[]'::json))::varchar as evidence
)
from incidents
order by incident_id
