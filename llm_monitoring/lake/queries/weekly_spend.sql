-- One row: what a feature is known to have spent from $middle to $last, and from $first until then.
select
    feature_id,
    coalesce(sum(value) filter (where hour >= $middle), 0) as spend,
    coalesce(sum(value) filter (where hour < $middle), 0) as spend_before
from window_metrics
where metric = 'total_cost_usd' and segment = '{}' and hour between $first and $last
group by feature_id
