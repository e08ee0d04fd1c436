-- One row: one request of the users, sessions or requests asked for. What a user asked in a session
-- of theirs before they were known is theirs too.
select hour, request_id, user_id, session_id, input_text, output_text
from raw_requests
where list_contains($users, user_id)
   or list_contains($sessions, session_id)
   or list_contains($requests, request_id)
   or (user_id is null and session_id in (
          select session_id from raw_requests where list_contains($users, user_id)
      ))
order by hour, request_id
