-- One row: one sampled request that has a text, and how long that is, of hours $first to $last.
select
    request.hour,
    request.request_id,
    request.feature_id,
    request.model_id,
    length(request.input_text) as length_characters
from raw_requests as request
semi join sampled_requests as sampled using (request_id, hour)
where request.hour between $first and $last and request.input_text is not null
