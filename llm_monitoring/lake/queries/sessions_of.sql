-- One row: one session that only these users had.
select session_id
from raw_requests
where session_id is not null
group by session_id
having bool_or(list_contains($users, user_id))
   and coalesce(bool_and(list_contains($users, user_id)), true)
order by session_id
