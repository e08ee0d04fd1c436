"""Speed and memory of the product, beside what one would write by hand.

Numbers are reported, never asserted: a busy machine must not fail a build.
"""
