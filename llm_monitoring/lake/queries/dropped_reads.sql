-- One row: what was read of a source in an hour in which rows were once dropped.
select *
from source_reads
where dropped is not null
order by hour, "table", source
