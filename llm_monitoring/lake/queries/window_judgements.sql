-- The list of measurements is composed from the SQL of the catalogue in metrics.py, and what says
-- which segments a request belongs to from the breakdowns, by lake/breakdowns.py.
-- One row: one quality metric of one (hour, feature, segment, epoch). Epochs are never mixed.
with {segmented},
judged as (
    select own.*{own_values}
    from (
        select * replace ({feature} as feature_id)
        from judgements
        where hour between $first and $last
    ) as own
    {own_requests}
),
windows as (
    select hour, feature_id, epoch, {values} [{measurements}] as measurements
    from judged
    group by epoch, grouping sets ({groups})
    having {known}
)
select hour, feature_id, epoch, {values} unnest(measurements, recursive := true)
from windows
