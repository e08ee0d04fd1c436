-- One row: one kind of chart of one feature, and in how many windows it had an opinion, for the
-- hours $first to $last.
select feature_id, chart, count(*) as windows
from control_charts
where hour between $first and $last and statistic is not null
group by feature_id, chart
