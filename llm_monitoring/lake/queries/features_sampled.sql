-- One row: a feature of which at least $least requests were sampled up to hour $until.
select feature_id
from sampled_requests
where hour <= $until
group by feature_id
having count(*) >= $least
