-- How the values of a breakdown are written is composed by lake/breakdowns.py.
-- One row: a breakdown of which a feature has more values in an hour from $first to $last than are
-- kept apart, by its place.
with {segmented}
select place
from (
    {sizes}
)
where values > kept
