-- One row: one hour from $first to $last that has windows of requests which the lake no longer holds,
-- and no file was read again without them.
select distinct hour
from window_metrics
where
    hour between $first and $last
    and metric = 'request_count'
    and n > 0
    and hour not in (select hour from raw_requests where hour between $first and $last)
    and hour not in (
        select hour
        from source_reads
        where hour between $first and $last and "table" = 'raw_requests' and dropped > 0
    )
