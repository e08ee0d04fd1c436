-- One row: a metric of which windows from $since and before $until were measured again after their
-- charts were replayed, and the first such hour.
select metric, min(hour) as hour
from window_metrics as measured
join control_charts as point using (hour, feature_id, segment, metric)
where
    measured.epoch is not distinct from point.epoch
    and list_contains($metrics, metric)
    and hour >= $since and hour < $until
    and (measured.value is distinct from point.value or measured.n is distinct from point.n)
group by metric
