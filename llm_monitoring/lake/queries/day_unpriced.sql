-- One row: an hour, from $since on, in which requests of a model are of unknown cost, and of the 24
-- hours up to it: requests, those of unknown cost (at least: what failed before a token was counted
-- cost nothing), those of known cost and those whose tokens were counted. At least $least are
-- unknown. Windows of 23 hours before $since are needed.
with windows as (
    select
        hour,
        feature_id,
        json_extract_string(segment, '$.model') as model_id,
        coalesce(any_value(n) filter (metric = 'total_cost_usd'), 0) as priced,
        coalesce(any_value(n) filter (metric = 'request_count'), 0) as requests,
        coalesce(any_value(value * n) filter (metric = 'error_rate'), 0) as failed,
        coalesce(max(n) filter (metric in ('avg_input_tokens', 'avg_output_tokens')), 0) as counted
    from window_metrics
    where
        json_keys(segment) = ['model']
        and metric in ('total_cost_usd', 'request_count', 'error_rate', 'avg_input_tokens', 'avg_output_tokens')
    group by hour, feature_id, model_id
),
hours as (
    select
        hour,
        model_id,
        strptime(hour::varchar, '%Y%m%d%H') as moment,
        sum(requests) as requests,
        sum(priced) as priced,
        sum(counted) as counted,
        sum(greatest(0, requests - priced - least(round(failed), requests - counted))) as unknown
    from windows
    group by hour, model_id
),
days as (
    select
        hour,
        model_id,
        unknown > 0 as is_unknown,
        (sum(requests) over day)::bigint as requests,
        (sum(unknown) over day)::bigint as unknown,
        (sum(priced) over day)::bigint as priced,
        (sum(counted) over day)::bigint as counted
    from hours
    window day as (
        partition by model_id order by moment
        range between interval 23 hours preceding and current row
    )
)
select hour, model_id, requests, unknown, priced, counted
from days
where hour >= $since and is_unknown and unknown >= $least
order by model_id, hour
