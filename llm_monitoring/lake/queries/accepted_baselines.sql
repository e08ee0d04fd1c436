-- One row: a baseline that the policy made of a shift that stayed.
select *
from baselines
where json_extract_string(nullif(diagnostics, ''), '$.reason') = 'accepted_shift'
order by baseline_id
