"""npng-edge: the bedside appliance that notices pain in people who cannot say so."""

__version__ = "0.1.0"
