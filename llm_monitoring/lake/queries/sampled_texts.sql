-- One row: what the judge needs of one sampled request.
select
    request.request_id,
    request.input_text,
    request.output_text,
    request.finish_reason,
    request.error
from raw_requests as request
semi join sampled_requests as sampled using (request_id, hour)
where request.hour between $first and $last
