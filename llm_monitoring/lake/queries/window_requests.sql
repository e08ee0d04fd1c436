-- The list of measurements is composed from the SQL of the catalogue in metrics.py, and what says
-- which segments a request belongs to from the breakdowns, by lake/breakdowns.py.
-- One row: one metric of the requests of one (hour, feature, segment).
with {segmented},
windows as (
    select hour, feature_id, {values} [{measurements}] as measurements
    from segmented
    group by grouping sets ({groups})
    having {known}
)
select hour, feature_id, null::varchar as epoch, {values} unnest(measurements, recursive := true)
from windows
