"""The contract between a bed and its stations, in files that machines read; made from the models, never by hand.

`python -m contract` writes all of it; README.md says what is in which file and what may change.
"""
