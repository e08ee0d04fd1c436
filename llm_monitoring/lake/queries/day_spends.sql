-- One row: what a feature has cost in the 24 hours up to an hour, from hour $since on, where that is
-- more than $least; and how many of the requests are of unknown cost at least: what failed before a
-- token was counted cost nothing. Windows of 23 hours before $since are needed. The sums are of
-- decimals, so that they are the same wherever a read begins.
with windows as (
    select
        hour,
        feature_id,
        strptime(hour::varchar, '%Y%m%d%H') as moment,
        any_value(value) filter (metric = 'total_cost_usd') as usd,
        coalesce(any_value(n) filter (metric = 'total_cost_usd'), 0) as priced,
        coalesce(any_value(n) filter (metric = 'request_count'), 0) as requests,
        coalesce(any_value(value * n) filter (metric = 'error_rate'), 0) as failed,
        coalesce(max(n) filter (metric in ('avg_input_tokens', 'avg_output_tokens')), 0) as counted
    from window_metrics
    where
        segment = '{}'
        and metric in ('total_cost_usd', 'request_count', 'error_rate', 'avg_input_tokens', 'avg_output_tokens')
        and list_contains($features, feature_id)
    group by hour, feature_id
),
known as (
    select *, isfinite(coalesce(usd, 0)) and coalesce(usd, 0) >= 0 as is_amount
    from windows
),
days as (
    select
        hour,
        feature_id,
        sum(coalesce(if(is_amount, usd, 0), 0)::decimal(28, 12)) over day as spent_usd,
        sum(greatest(0, requests - if(is_amount, priced, 0) - least(round(failed), requests - counted)))
            over day as unknown
    from known
    window day as (
        partition by feature_id order by moment
        range between interval 23 hours preceding and current row
    )
)
select hour, feature_id, spent_usd::double as spent_usd, unknown::bigint as unknown
from days
where hour >= $since and spent_usd > $least
order by feature_id, hour
