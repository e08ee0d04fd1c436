-- One row: a baseline of a chart of one of $metrics over all models of a feature.
select *
from baselines
where contains(chart_id, '/*/') and list_contains($metrics, split_part(chart_id, '/', -2))
order by baseline_id
