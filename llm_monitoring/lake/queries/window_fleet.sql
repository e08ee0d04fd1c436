-- One row: one metric of one (hour, feature) beside all features, and the requests of all of them.
with counts as (
    select hour, feature_id, count(*) as requests
    from (select * replace ({feature} as feature_id) from raw_requests)
    where hour between $first and $last
    group by hour, feature_id
),
fleet as (
    select *, (sum(requests) over (partition by hour))::bigint as total
    from counts
)
select
    hour,
    feature_id,
    null::varchar as epoch,
    unnest([{measurements}], recursive := true)
from fleet
union all
select hour, '*', null, 'request_count', any_value(total)::double, any_value(total), null
from fleet
group by hour
