-- The list of measurements is composed from the SQL of the catalogue in metrics.py, and what says
-- which segments a request belongs to from the breakdowns, by lake/breakdowns.py.
-- One row: one input metric of one (hour, feature, segment).
with {segmented},
queries as (
    select own.*{own_values}
    from (
        select * replace ({feature} as feature_id)
        from input_features
        where hour between $first and $last
    ) as own
    {own_requests}
),
windows as (
    select hour, feature_id, {values} [{measurements}] as measurements
    from queries
    group by grouping sets ({groups})
    having {known}
)
select hour, feature_id, null::varchar as epoch, {values} unnest(measurements, recursive := true)
from windows
