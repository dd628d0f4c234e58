"""The net that says how much of a face is covered: painted faces, training, export, evaluation, card."""
