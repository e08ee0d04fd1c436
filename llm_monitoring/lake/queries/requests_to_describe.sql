-- One row: a sampled request that has a text, of the hours $first to $last.
select *
from raw_requests
where
    hour between $first and $last
    and input_text is not null
    and request_id in (select request_id from sampled_requests where hour between $first and $last)
order by hour, request_id
