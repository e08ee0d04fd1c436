-- One row: one series, how many windows it has before hour $first, and its first one.
select feature_id, segment, epoch, metric, count(*) as windows, min(hour) as first_hour
from window_metrics
where hour < $first
group by all
