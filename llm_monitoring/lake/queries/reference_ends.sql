-- One row: a feature that has a reference of an embedder, and the last hour of its queries.
select feature_id, max(hour) as last
from input_references
where embedder = $embedder
group by feature_id
