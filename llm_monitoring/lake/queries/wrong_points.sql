-- One row: a chart point of the hours $first to $last that alarms or could not be computed.
select *
from control_charts
where hour between $first and $last and (alarm or failure is not null)
order by hour, chart_id
