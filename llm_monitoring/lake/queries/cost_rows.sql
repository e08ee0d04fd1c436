-- One row: what one priced request cost, for the hours $first to $last.
select hour, feature_id, model_id, input_tokens, output_tokens, cost_usd
from raw_requests
where hour between $first and $last and cost_usd is not null
