-- One row: a feature that has windows of its own in an hour from $first to $last.
select hour, feature_id
from window_metrics
where
    hour between $first and $last
    and metric = 'request_count'
    and model_id is null
    and not starts_with(feature_id, '*')
