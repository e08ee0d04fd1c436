-- One row: a chart point that says when an episode began, went on or ended. Of charts that ever
-- alarmed from hour $since on: the points with an alarm or without a verdict, those that follow
-- them, and the newest; without the state, which only a replay needs.
select * replace ([]::double[] as state)
from control_charts
semi join (
    select distinct chart_id from control_charts where alarm and hour >= $since
) as alarming using (chart_id)
where hour >= $since
window chart as (partition by chart_id order by hour)
qualify
    alarm
    or status in ('no_data', 'failed')
    or coalesce(lag(alarm or status in ('no_data', 'failed')) over chart, false)
    or lead(hour) over chart is null
