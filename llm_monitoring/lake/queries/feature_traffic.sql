-- One row: a feature, its requests in each of the hours $first to $last that have some, and the
-- models that answered them.
select
    feature_id,
    list(hour order by hour) filter (segment = '{}') as hours,
    list(n order by hour) filter (segment = '{}') as requests,
    list(distinct json_extract_string(segment, '$.model'))
        filter (json_keys(segment) = ['model'] and segment <> '{"model":"other"}') as models
from window_metrics
where
    hour between $first and $last
    and metric = 'request_count'
    and n > 0
    and not starts_with(feature_id, '*')
group by feature_id
