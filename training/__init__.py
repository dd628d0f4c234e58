"""How our models are made: rendered faces, learners, quantisation, evaluation. Not installed on a device."""
