-- The list of measurements is composed from the SQL of the catalogue in metrics.py.
-- One row: one input metric of one (hour, feature).
with windows as (
    select hour, feature_id, [{measurements}] as measurements
    from (select * replace ({feature} as feature_id) from input_features)
    where hour between $first and $last
    group by hour, feature_id
)
select
    hour,
    feature_id,
    null::varchar as model_id,
    null::varchar as epoch,
    unnest(measurements, recursive := true)
from windows
