"""The reports of an analysis: self-contained HTML for people who would rather look than read.

No link, font, script or picture is loaded from anywhere; the pages forbid it to themselves by a content security
policy.
"""
