-- The list of measurements is composed from the SQL of the catalogue in metrics.py, and what says
-- which segments a request belongs to from the breakdowns, by lake/breakdowns.py.
-- One row: one satisfaction metric of one (hour, feature, segment).
-- A signal counts for the window of its request, if it came within $settle_us microseconds of it.
with {segmented},
reactions as (
    select
        request_id,
        hour,
        count(*) filter (signal_type = 'thumbs_up') as thumbs_up,
        count(*) filter (signal_type = 'thumbs_down') as thumbs_down,
        count(*) filter (signal_type = 'correction') as corrections,
        count(*) filter (signal_type = 'follow_up') as follow_ups,
        count(*) filter (signal_type = 'abandoned') as abandoned
    from (
        select request.request_id, request.hour, signal.signal_type
        from user_signals as signal
        join raw_requests as request using (request_id)
        where
            request.hour between $first and $last
            and epoch_us(signal.timestamp) - epoch_us(request.timestamp) < $settle_us
    )
    group by request_id, hour
),
requests as (
    select
        request.hour,
        request.feature_id,
        {values}
        coalesce(reaction.thumbs_up, 0) as thumbs_up,
        coalesce(reaction.thumbs_down, 0) as thumbs_down,
        coalesce(reaction.corrections, 0) as corrections,
        coalesce(reaction.follow_ups, 0) as follow_ups,
        coalesce(reaction.abandoned, 0) as abandoned
    from segmented as request
    left join reactions as reaction using (request_id, hour)
),
windows as (
    select hour, feature_id, {values} [{measurements}] as measurements
    from requests
    group by grouping sets ({groups})
    having {known}
)
select hour, feature_id, null::varchar as epoch, {values} unnest(measurements, recursive := true)
from windows
