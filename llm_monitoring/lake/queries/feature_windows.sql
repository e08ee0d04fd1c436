-- One row: a feature that has windows of its own in an hour from $first to $last.
select hour, feature_id
from window_metrics
where
    hour between $first and $last
    and metric = 'request_count'
    and segment = '{}'
    and not starts_with(feature_id, '*')
