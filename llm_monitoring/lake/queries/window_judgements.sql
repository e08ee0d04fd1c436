-- The list of measurements is composed from the SQL of the catalogue in metrics.py.
-- One row: one quality metric of one (hour, feature, model, epoch), and of one (hour, feature,
-- epoch). Epochs are never mixed.
with windows as (
    select hour, feature_id, model_id, epoch, [{measurements}] as measurements
    from (select * replace ({feature} as feature_id) from judgements)
    where hour between $first and $last
    group by grouping sets ((hour, feature_id, model_id, epoch), (hour, feature_id, epoch))
)
select hour, feature_id, model_id, epoch, unnest(measurements, recursive := true)
from windows
