-- One row: one of the first $wanted sampled queries of a feature, up to hour $last.
select request.request_id, request.hour, request.input_text
from raw_requests as request
semi join sampled_requests as sampled using (request_id, hour)
where
    request.feature_id = $feature_id
    and request.hour <= $last
    and request.input_text is not null
order by request.hour, sha256(request.request_id)
limit $wanted
