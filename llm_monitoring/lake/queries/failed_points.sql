-- One row: a window in which charts of a feature could not be computed, how many could not, and the
-- metric, the chart and the reason of the first of them; from hour $since on.
select
    hour,
    feature_id,
    count(*) as charts,
    min_by(metric, chart_id) as metric,
    min_by(chart, chart_id) as chart,
    min_by(failure, chart_id) as reason
from control_charts
where failure is not null and hour >= $since
group by hour, feature_id
