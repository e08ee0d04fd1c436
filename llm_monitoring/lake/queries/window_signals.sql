-- The list of measurements is composed from the SQL of the catalogue in metrics.py.
-- One row: one satisfaction metric of one (hour, feature, model), and of one (hour, feature).
-- A signal counts for the window of its request, if it came within $settle_us microseconds of it.
with reactions as (
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
        {feature} as feature_id,
        request.model_id,
        coalesce(reaction.thumbs_up, 0) as thumbs_up,
        coalesce(reaction.thumbs_down, 0) as thumbs_down,
        coalesce(reaction.corrections, 0) as corrections,
        coalesce(reaction.follow_ups, 0) as follow_ups,
        coalesce(reaction.abandoned, 0) as abandoned
    from raw_requests as request
    left join reactions as reaction using (request_id, hour)
    where request.hour between $first and $last
),
windows as (
    select hour, feature_id, model_id, [{measurements}] as measurements
    from requests
    group by grouping sets ((hour, feature_id, model_id), (hour, feature_id))
)
select hour, feature_id, model_id, null::varchar as epoch, unnest(measurements, recursive := true)
from windows
