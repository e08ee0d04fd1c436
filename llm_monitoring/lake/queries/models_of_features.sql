-- One row: a model that a feature asked for and one that answered, in the hours $first to $last.
select distinct feature_id, model_id, requested_model
from raw_requests
where hour between $first and $last
