-- One row: a request of one of $features (of $everything: any) in the hours $first to $last. Of too
-- many, those the judge was to see and so many others of a million as $share says.
select *
from raw_requests
where
    hour between $first and $last
    and ($everything or list_contains($features, feature_id))
    and (
        hash(request_id) % 1000000 < $share
        or request_id in (
            select request_id from sampled_requests where hour between $first and $last
        )
    )
order by hour, request_id
