"""Did the inputs change? Novelty and language of single queries, and what is new about them.

A window's rates (`novelty_rate`, `unexpected_language_rate`) are means of the columns `novel`
and not `language_expected` over the queries where these are known.
"""
