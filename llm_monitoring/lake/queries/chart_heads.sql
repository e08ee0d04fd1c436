-- One row: a point of one of $charts before hour $first, from the hour in $heads on that stands at
-- the chart's place in that list.
select point.*
from control_charts as point
join (select unnest($charts) as chart_id, unnest($heads) as head) as wanted using (chart_id)
where point.hour >= wanted.head and point.hour between $earliest and $first - 1
