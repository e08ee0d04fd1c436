-- The list of measurements is composed from the SQL of the catalogue in metrics.py.
-- One row: one metric of the requests of one (hour, feature, model), and of one (hour, feature).
with windows as (
    select
        hour,
        feature_id,
        model_id,
        [{measurements}] as measurements
    from (select * replace ({feature} as feature_id) from raw_requests)
    where hour between $first and $last
    group by grouping sets ((hour, feature_id, model_id), (hour, feature_id))
)
select hour, feature_id, model_id, null::varchar as epoch, unnest(measurements, recursive := true)
from windows
