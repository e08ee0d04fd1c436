-- One row: an hour in which a feature is silent that should not be, and how many features have
-- requests in it or should have, from hour $since on.
select hour, count(*) as features
from control_charts
where hour >= $since and chart = 'missing' and status in ('provisional', 'established') and (alarm or n > 0)
group by hour
having bool_or(alarm)
