-- One row: one of the beginnings of texts that still stands in somebody's request.
select word
from (select unnest($words) as word) as asked
where exists (
    select 1 from raw_requests
    where contains(input_text, word) or contains(output_text, word)
)
