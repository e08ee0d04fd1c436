"""Incidents: alerts of one cause, worked through in five steps.

`grouping.assign` makes incidents of alerts, `investigate.investigate` gathers the evidence,
`steps` records what people decide. `cost` says what moved the cost, for incidents and for the
hourly check.
"""
