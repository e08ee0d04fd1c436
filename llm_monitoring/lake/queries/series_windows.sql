-- One row: a window before hour $first of one of the series that the lists name place by place,
-- from the hour in $since on.
select measured.*
from window_metrics as measured
semi join (
    select
        unnest($features::varchar[]) as feature_id,
        unnest($segments::varchar[]) as segment,
        unnest($epochs::varchar[]) as epoch,
        unnest($metrics::varchar[]) as metric,
        unnest($since::bigint[]) as since
) as wanted
    on measured.feature_id = wanted.feature_id
    and measured.metric = wanted.metric
    and measured.segment = wanted.segment
    and measured.epoch is not distinct from wanted.epoch
    and measured.hour >= wanted.since
where measured.hour < $first
