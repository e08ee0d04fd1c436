-- One row: the last point of one chart before hour $first, and how many points it has up to there.
select point.*, head.points
from control_charts as point
join (
    select chart_id, max(hour) as hour, count(*) as points
    from control_charts
    where hour < $first
    group by chart_id
) as head using (chart_id, hour)
