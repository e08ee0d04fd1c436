-- One row: a failure that is open, or that is no older than $since.
select *
from failures
where mended_at is null or failed_at >= $since
order by failure_id
