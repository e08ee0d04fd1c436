-- One row: what judgements of a feature by one judge cost and took, in the hours $first to $last.
select
    feature_id,
    avg(cost_usd) as cost_usd,
    avg(input_tokens) as input_tokens,
    avg(output_tokens) as output_tokens
from judgements
where hour between $first and $last
    and judge = $judge
group by feature_id
