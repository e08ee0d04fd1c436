-- One row: a row of {logged}, a table that is filled from logs, of the hours $first to $last and of
-- a file that is not among $paths.
select *
from {logged}
where hour between $first and $last and (file is null or not list_contains($paths, file))
