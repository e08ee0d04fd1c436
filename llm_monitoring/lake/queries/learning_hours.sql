-- One row: one of $charts, and the hours before $first whose windows Phase I took in.
select chart_id, list(hour) as hours
from control_charts
semi join (select unnest($charts) as chart_id) as wanted using (chart_id)
where status in ('waiting', 'provisional') and hour < $first
group by chart_id
