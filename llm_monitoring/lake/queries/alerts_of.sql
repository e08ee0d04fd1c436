-- One row: an alert of an incident, also one that does not know it yet but is among its $listed.
select *
from alerts
where incident_id = $incident_id or list_contains($listed, fingerprint)
order by fingerprint
