-- One row: an incident without its evidence, of which only the finished steps are kept.
select * replace (
    coalesce(json_object('done', json_extract(evidence, '$.done')), '{}') as evidence
)
from incidents
order by incident_id
