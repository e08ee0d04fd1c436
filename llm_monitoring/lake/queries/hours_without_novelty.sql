-- One row: an hour from $since on with queries whose novelty was not known when it was measured,
-- although the reference of their feature is older than they are.
select distinct novelty.hour
from window_metrics as novelty
join window_metrics as described using (hour, feature_id)
join (
    select feature_id, max(hour) as last_hour
    from input_references
    where embedder = $embedder
    group by feature_id
) as reference using (feature_id)
where
    novelty.metric = 'novelty_rate' and novelty.n = 0
    and described.metric = 'query_length_mean' and described.n > 0
    and novelty.hour > reference.last_hour
    and novelty.hour >= $since
