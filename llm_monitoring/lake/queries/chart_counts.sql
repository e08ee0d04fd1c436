-- One row: one chart, how many points it has before hour $first, and the last of them that a replay
-- may go on from: one that did not fail, or failed before hour $retried. Its first one if none did.
select
    chart_id,
    count(*) as points,
    coalesce(max(hour) filter (where failure is null or hour < $retried), min(hour)) as head
from control_charts
where hour < $first
group by chart_id
