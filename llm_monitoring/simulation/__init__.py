"""A make-believe product, Larkspur Outfitters, with faults to switch on.

Everything here is simulated, and says so wherever it shows. Seeds and times are arguments: the
same seed gives the same logs, and an hour made alone equals that hour made in a range.
"""
