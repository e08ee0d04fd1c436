-- One row: one sampled request that has a text, or had one when it was described, and how long that
-- is, of hours $first to $last.
select
    request.hour,
    request.request_id,
    request.feature_id,
    request.model_id,
    coalesce(length(request.input_text), described.length_characters) as length_characters
from raw_requests as request
semi join sampled_requests as sampled using (request_id, hour)
left join (
    select request_id, hour, length_characters
    from input_features
    where hour between $first and $last
) as described using (request_id, hour)
where
    request.hour between $first and $last
    and (request.input_text is not null or described.request_id is not null)
