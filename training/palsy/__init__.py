"""Facial palsy: rendered weak faces, the origin document's three models side by side, and the one that is shipped."""
