-- One row: one series, and how many windows it has before hour $first.
select feature_id, model_id, epoch, metric, count(*) as windows
from window_metrics
where hour < $first
group by all
