-- One row: one request of a feature that has a text, up to hour $until, in the order in which the
-- reference takes them.
select request_id
from raw_requests
where feature_id = $feature_id and hour <= $until and input_text is not null
order by hour, sha256(request_id)
