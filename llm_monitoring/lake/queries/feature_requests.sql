-- One row: one feature in one hour from $first to $last, and its requests. Of hours in the list
-- $expired, whose rows are past their time, the windows tell.
select hour, feature_id, count(*) as requests
from raw_requests
where hour between $first and $last
group by hour, feature_id
union all
select hour, feature_id, n
from window_metrics
where
    list_contains($expired::bigint[], hour)
    and metric = 'request_count'
    and segment = '{}'
    and n > 0
    and not starts_with(feature_id, '*')
order by hour
