-- One row: an hour that has charts.
select distinct hour from control_charts
