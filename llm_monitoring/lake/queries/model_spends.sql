-- One row: what one feature spent on one model, for the hours $first to $last: requests, those of
-- known cost, and sums over those of known cost and tokens, which reveal the prices. A request that
-- failed without tokens is not unknown spend: nothing was billed. Features that are not in the list
-- $watched are one, called $other.
with request as (
    select
        if(list_contains($watched, feature_id), feature_id, $other) as feature_id,
        model_id,
        if(isfinite(cost_usd) and cost_usd >= 0, cost_usd, null) as cost,
        input_tokens::double as tokens_in,
        output_tokens::double as tokens_out,
        error is not null and input_tokens is null and output_tokens is null as is_free
    from raw_requests
    where hour between $first and $last
)
select
    feature_id,
    model_id,
    count(cost) as priced,
    count(*) filter (cost is null and not is_free) as unknown,
    coalesce(sum(cost), 0.0) as cost_usd,
    count(cost + tokens_in + tokens_out) as requests,
    coalesce(sum(cost) filter (is_whole), 0.0) as requests_usd,
    coalesce(sum(tokens_in) filter (is_whole), 0.0) as input_tokens,
    coalesce(sum(tokens_out) filter (is_whole), 0.0) as output_tokens,
    coalesce(sum(tokens_in * tokens_in) filter (is_whole), 0.0) as input_input,
    coalesce(sum(tokens_in * tokens_out) filter (is_whole), 0.0) as input_output,
    coalesce(sum(tokens_out * tokens_out) filter (is_whole), 0.0) as output_output,
    coalesce(sum(tokens_in * cost) filter (is_whole), 0.0) as input_usd,
    coalesce(sum(tokens_out * cost) filter (is_whole), 0.0) as output_usd
from (select *, cost + tokens_in + tokens_out is not null as is_whole from request)
group by feature_id, model_id
order by feature_id, model_id
